"""Invariant 7: secrets stay secret."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

API_PROBLEMS = "sync_pipeline/api/problems.py"
API_SECRETS = "sync_pipeline/api/bigcommerce/receiver.py"
API_SIGNATURES = "sync_pipeline/api/bigcommerce/signatures.py"
CLIENT = "sync_pipeline/connectors/bigcommerce/client.py"
CLUSTER = "sync_pipeline/connectors/elasticsearch/cluster.py"
DATABASE = "sync_pipeline/batches/database.py"
LOGS = "sync_pipeline/logs.py"
PRIVATE_FILES = "sync_pipeline/private_files.py"
SEARCH_WORDS = "sync_pipeline/pipelines/store_search/words/apply.py"
SECRETS = "sync_pipeline/batches/secrets.py"
SETTINGS = "sync_pipeline/settings.py"
STATE = "sync_pipeline/local/state.py"
STORES = "sync_pipeline/pipelines/store_search/stores/stores.py"

API_TESTS = "api/bigcommerce/test_kept_secrets.py::test_no_answer_and_no_log_line_holds_a_secret"
FILES = "cli/test_private_files.py"
CLOSED = f"{FILES}::test_files_and_folders_are_made_closed_and_do_not_wait_for_a_commands_umask"
SEALING = "batches/test_sealing.py"
SECRET_TESTS = "batches/test_secrets.py"
REPEATED = (
    "pipelines/store_search/test_no_secret.py::test_a_store_that_repeats_the_token_in_its_answer_leaves_it_nowhere"
)

_NO_PASSWORD = "return f\"{parsed.host or 'local socket'}:{parsed.port or 5432}/{parsed.database or ''}\""

MUTATIONS = (
    Mutation(
        "the encryption of a secret",
        ("7.1",),
        SECRETS,
        {
            "sealed = AESGCM(self.keys[self.current]).encrypt(nonce, plain.encode(), belongs_to.encode())": (
                "sealed = plain.encode()"
            ),
            "return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], belongs_to.encode()).decode()": (
                "return raw[NONCE_BYTES:].decode()"
            ),
        },
        (f"{SEALING}::test_a_sealed_secret_is_a_key_id_and_what_any_aes_256_gcm_opens",),
    ),
    Mutation(
        "the row that a sealed secret is bound to",
        ("7.1",),
        SECRETS,
        {
            "encrypt(nonce, plain.encode(), belongs_to.encode())": "encrypt(nonce, plain.encode(), None)",
            "raw[NONCE_BYTES:], belongs_to.encode())": "raw[NONCE_BYTES:], None)",
        },
        (f"{SECRET_TESTS}::test_a_sealed_secret_does_not_open_for_another_row_or_when_changed",),
    ),
    Mutation(
        "the 256 bits of a key",
        ("7.1",),
        SECRETS,
        {"if len(key) != KEY_BYTES:": "if len(key) not in {16, 24, 32}:"},
        (f"{SEALING}::test_a_key_of_another_size_is_refused",),
    ),
    Mutation(
        "a new nonce for each secret",
        ("7.1",),
        SECRETS,
        {"nonce = os.urandom(NONCE_BYTES)": "nonce = bytes(NONCE_BYTES)"},
        (f"{SECRET_TESTS}::test_what_is_sealed_opens_again_and_does_not_show",),
    ),
    Mutation(
        "sealing the secrets of a store that is added",
        ("7.1", "7.4"),
        STORES,
        {"None if value is None else self._seal(store_hash, field, value))": "value)"},
        ("pipelines/store_search/stores/test_stores.py::test_a_store_keeps_its_secrets_sealed",),
    ),
    Mutation(
        "the id of the key that a secret was sealed with",
        ("7.2",),
        SECRETS,
        {"key = self.keys.get(key_id)": "key = self.keys[self.current]"},
        (f"{SECRET_TESTS}::test_old_keys_open_and_the_first_seals",),
    ),
    Mutation(
        "sealing again what older keys sealed",
        ("7.3",),
        "sync_pipeline/batches/sealing.py",
        {"if secret is not None and not keyring.is_current(secret):": "if False:"},
        ("pipelines/store_search/stores/test_stores.py::test_rotation_seals_everything_again_with_the_new_key",),
    ),
    Mutation(
        "sealing a token that is entered again",
        ("7.4",),
        STORES,
        {'row.token = self._seal(store_hash, "token", token)': "row.token = token"},
        (f"{SEALING}::test_no_row_of_the_ledger_ever_holds_a_plain_secret_and_each_names_its_key",),
    ),
    Mutation(
        "sealing what is written back when keys rotate",
        ("7.4",),
        "sync_pipeline/batches/sealing.py",
        {
            "setattr(row, column, keyring.seal(keyring.open(secret, belongs_to=owner), belongs_to=owner))": (
                "setattr(row, column, keyring.open(secret, belongs_to=owner))"
            )
        },
        (f"{SEALING}::test_no_row_of_the_ledger_ever_holds_a_plain_secret_and_each_names_its_key",),
    ),
    Mutation(
        "leaving passwords out of the settings' representation",
        ("7.5",),
        SETTINGS,
        {
            'None, repr=False, description="PostgreSQL of the ledger; none means the embedded one."': (
                'None, description="PostgreSQL of the ledger; none means the embedded one."'
            )
        },
        ("test_settings.py::test_the_representation_shows_no_secret",),
    ),
    Mutation(
        "leaving keys out of a keyring's representation",
        ("7.5",),
        SECRETS,
        {"@dataclass(frozen=True, repr=False)": "@dataclass(frozen=True)"},
        (f"{SEALING}::test_the_representation_of_a_keyring_shows_no_key",),
    ),
    Mutation(
        "taking the token out of what a store answers",
        ("7.5", "7.6", "7.7"),
        CLIENT,
        {'return text.replace(self._token, "[token]")': "return text"},
        (REPEATED,),
    ),
    Mutation(
        "taking the password out of a database's address",
        ("7.7",),
        DATABASE,
        {_NO_PASSWORD: "return parsed.render_as_string(hide_password=False)"},
        ("batches/test_ledger.py::test_a_ledger_that_is_away_is_one_line_without_the_password",),
    ),
    Mutation(
        "taking the password out of a search cluster's address",
        ("7.7",),
        CLUSTER,
        {
            'self.host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)': (
                "self.host = parts.netloc"
            )
        },
        (
            "connectors/elasticsearch/test_cluster.py"
            "::test_an_address_without_a_server_is_named_with_its_port_but_not_its_password",
        ),
    ),
    Mutation(
        "leaving values out of what is said of malformed settings",
        ("7.7",),
        SECRETS,
        {
            'where = f"SYNC_PIPELINE_SECRET_KEYS, entry {position}:"': (
                'where = f"SYNC_PIPELINE_SECRET_KEYS, entry {position} ({entry}):"'
            )
        },
        ("cli/test_bad_input.py::test_malformed_settings_are_listed_all_at_once",),
    ),
    Mutation(
        "the word for a secret that is not sealed (it is told for the id of a key)",
        ("7.7",),
        SECRETS,
        {"        if not colon:\n": "        if False:\n"},
        (f"{SECRET_TESTS}::test_a_sealed_secret_does_not_open_for_another_row_or_when_changed",),
    ),
    Mutation(
        "leaving the secret that was sent out of a refusal",
        ("7.8",),
        API_SECRETS,
        {'f"{SECRET_HEADER} is missing or wrong"': 'f"{SECRET_HEADER} is missing or wrong: {sent.decode()}"'},
        (API_TESTS,),
    ),
    Mutation(
        "leaving what was asked for out of the problem of an unknown path",
        ("7.8",),
        API_PROBLEMS,
        {
            "async def _refused(_: Request, error: Any) -> Response:\n"
            "    return problem(error.status_code, error.detail, error.headers)": (
                "async def _refused(_: Request, error: Any) -> Response:\n"
                "    return problem(error.status_code, str(_.url), error.headers)"
            )
        },
        (API_TESTS,),
    ),
    Mutation(
        "leaving the client secret out of what is logged of a signature",
        ("7.8",),
        API_SIGNATURES,
        {
            '            self._count(store_hash, "wrong")': (
                '            log.warning("webhook signature", key=client_secret.decode(), signature="wrong")'
            )
        },
        (API_TESTS,),
    ),
    Mutation(
        "closing a state directory that is there already",
        ("7.9",),
        STATE,
        {"                self.path.chmod(0o700)\n": "                pass\n"},
        ("local/test_state.py::test_an_existing_directory_is_closed_to_others",),
    ),
    Mutation(
        "making folders for their owner only",
        ("7.9",),
        PRIVATE_FILES,
        {"path.mkdir(mode=0o700, exist_ok=True)": "path.mkdir(exist_ok=True)"},
        (f"{SECRET_TESTS}::test_the_development_key_is_made_once_and_private",),
    ),
    Mutation(
        "closing the folders above the one that is made",
        ("7.9",),
        PRIVATE_FILES,
        {
            "for path in (*reversed(missing), folder):": (
                "folder.parent.mkdir(parents=True, exist_ok=True)\n    for path in (folder,):"
            )
        },
        (CLOSED,),
    ),
    Mutation(
        "writing words and synonyms for their owner only",
        ("7.10",),
        SEARCH_WORDS,
        {"os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600": "os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666"},
        (CLOSED,),
    ),
    Mutation(
        "writing the log for its owner only",
        ("7.10",),
        LOGS,
        {"file.touch(mode=0o600)": "file.touch()"},
        (CLOSED,),
    ),
    Mutation(
        "the umask for what other libraries write into the state directory",
        ("7.10",),
        "sync_pipeline/cli/environment.py",
        {"    os.umask(0o077)": "    os.umask(0o022)"},
        (f"{FILES}::test_no_file_or_folder_of_the_state_directory_is_open_to_others",),
    ),
    Mutation(
        "writing the development key for its owner only",
        ("7.10",),
        SECRETS,
        {"os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600": "os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644"},
        (f"{SECRET_TESTS}::test_the_development_key_is_made_once_and_private",),
    ),
    Mutation(
        "writing the engines' files for their owner only",
        ("7.10",),
        STATE,
        {"os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600": "os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644"},
        ("local/test_state.py::test_a_reader_never_sees_half_a_file",),
    ),
)
