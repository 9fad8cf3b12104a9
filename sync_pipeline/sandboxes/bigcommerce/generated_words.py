"""The vocabulary of generated catalogues: data only."""

from __future__ import annotations

#: Department → sections; the noun of a section's products follows the colon.
DEPARTMENTS: dict[str, tuple[str, ...]] = {
    "Kitchen": ("Kettles:Kettle", "Pans:Pan", "Mugs:Mug", "Scales:Scale", "Graters:Grater"),
    "Lighting": ("Table Lamps:Lamp", "Lanterns:Lantern", "Bulbs:Bulb", "Spotlights:Spotlight"),
    "Furniture": ("Chairs:Chair", "Desks:Desk", "Stools:Stool", "Cabinets:Cabinet", "Sofas:Sofa"),
    "Garden": ("Spades:Spade", "Planters:Planter", "Hoses:Hose", "Gloves:Glove"),
    "Electronics": ("Phones:Phone", "Televisions:Television", "Headphones:Headphone", "Chargers:Charger"),
    "Outdoor": ("Tents:Tent", "Rucksacks:Rucksack", "Stoves:Stove", "Bottles:Bottle", "Blankets:Blanket"),
    "Office": ("Notebooks:Notebook", "Pens:Pen", "Folders:Folder"),
    "Clothing": ("Jackets:Jacket", "Shirts:Shirt", "Scarves:Scarf", "Socks:Sock"),
}
SHELVES = ("Everyday", "Compact", "Professional", "Gifts")
ADJECTIVES = (
    "Alder", "Bright", "Calm", "Dapper", "Even", "Folding", "Gentle", "Hardy", "Insulated", "Jolly", "Keen", "Light",
    "Modern", "Nimble", "Oiled", "Plain", "Quiet", "Rugged", "Slim", "Tidy", "Upright", "Vintage", "Warm", "Woven",
)  # fmt: skip
SERIES = ("Arc", "Bay", "Crest", "Dune", "Elm", "Fjord", "Grove", "Haven", "Isle", "Juno", "Kite", "Loch")
MATERIALS = ("Ash", "Brass", "Cotton", "Glass", "Leather", "Linen", "Oak", "Recycled steel", "Stoneware", "Wool")
COUNTRIES = ("Austria", "Denmark", "Finland", "Italy", "Japan", "Portugal", "Vietnam", "Wales")
TRACKING = ("none", "product", "variant", "product")
SENTENCES = (
    "Made for use from morning to night, it keeps its shape and its colour.",
    "The finish is oiled by hand and can be renewed at home.",
    "It packs flat, weighs little and opens in seconds.",
    "A quiet companion for small rooms and long journeys.",
    "All parts that wear out can be ordered one by one.",
    "Wipe clean with a damp cloth; it is not suitable for the dishwasher.",
    "The handle stays cool, and the lid closes with a click.",
    "Tested for ten years of daily work in rain, wind and sun.",
    "It goes with every other piece of the same series.",
    "The box is made of card and holds no plastic at all.",
    "Batteries are included, and a spare fuse is under the base.",
    "Choose the larger size for families of four and more.",
)
TOPICS = ("Care", "Materials", "Repairs", "Gifts", "Seasons", "Makers", "Recipes", "Travel")
