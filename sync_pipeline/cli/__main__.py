"""`python -m sync_pipeline.cli`: the command line without its installed script."""

from sync_pipeline.cli.main import main

main()
