"""What searches of two shops ought to find: chosen by reading the shops' data, before any search was run.

Each query has every document that a shopper would miss if it were not among the first ``top`` hits. Kinds of query:
SKUs, plurals, typing mistakes, words written apart or together, synonyms, stop words, phrases, accents, words spread
over name, brand, category, options and custom fields, and words that only a long text has.

The request was improved with the first list of each shop in view. The second list was written afterwards and nothing
was changed for it: it tells what to expect of queries that nobody has thought of.
"""

from __future__ import annotations

from sync_pipeline.pipelines.store_search.search.quality import Expectation


def products(*numbers: int) -> list[str]:
    return [f"product-{number}" for number in numbers]


DEMO_SYNONYMS = ["phone, mobile", "tv => television", "sofa, couch, settee"]
DEMO = [
    Expectation("HP-115", products(115), 1),
    Expectation("hp 118 2", products(118), 1),
    Expectation("three-seat sofa", products(101), 1),
    Expectation("couch", products(101, 102, 103), 5),
    Expectation("tv", products(125, 126, 127), 5),
    Expectation("phone case", products(122), 3),
    Expectation("sleeping bags", products(135, 136), 5),
    Expectation("fisherman jumper", products(144), 1),
    Expectation("cassarole", products(111), 3),
    Expectation("televison", products(125, 127), 5),
    Expectation("head torch", products(139), 3),
    Expectation("sound bar", products(130), 3),
    Expectation("wool blanket", products(110), 1),
    Expectation("a lamp for the living room, please", products(106, 107), 5),
    Expectation("garden tools", ["category-40", *products(147, 148)], 5),
    Expectation("merino socks", products(146), 1),
    Expectation("induction frying pan", products(112), 1),
    Expectation("navy jacket", products(143), 3),
    Expectation("northlight headphones", products(131), 1),
    Expectation("waterproof boots", products(145), 3),
    Expectation("spare parts k5", ["page-3"], 3),
    Expectation("returns", ["page-2"], 3),
    Expectation("kettle for filter coffee", products(115), 1),
    Expectation("about us", ["page-1"], 1),
    Expectation("backpack", products(142), 1),
    Expectation("tent pegs", products(134), 1),
    Expectation("caravan tv", products(127), 1),
    Expectation("duvets", products(108, 109), 5),
    Expectation("reading chair", products(104), 3),
    Expectation("sweater", products(144), 3),
    Expectation("oak care", ["post-5"], 3),
    Expectation("gift for a fisherman", products(114), 3),
]

DEMO_UNSEEN = [
    Expectation("HP-144", products(144), 1),
    Expectation("hp1321", products(132), 1),
    Expectation("armchairs", ["category-14", *products(104, 105)], 5),
    Expectation("leather boots", products(145), 1),
    Expectation("rucksack", products(141), 1),
    Expectation("soundbar", products(130), 1),
    Expectation("smartfone", products(118), 3),
    Expectation("planter pot", products(149), 3),
    Expectation("linen duvet", products(108), 1),
    Expectation("noise cancelling", products(131), 1),
    Expectation("mobile pouch waterproof", products(121), 1),
    Expectation("usb-c charger", products(124), 3),
    Expectation("gaz stove", products(137), 3),
    Expectation("mug with a big handle", products(114), 1),
    Expectation("contact", ["page-4"], 3),
    Expectation("choosing a tent", ["post-1"], 3),
    Expectation("what is your delivery", ["page-2"], 5),
    Expectation("oatmeal sofa", products(101), 1),
    Expectation("chopping boards", products(117), 1),
    Expectation("wales", products(110, 144), 5),
]

VENIA_SYNONYMS = ["sweater, jumper", "trousers => pants"]
VENIA = [
    Expectation("VSW08", products(1112), 1),
    Expectation("vd05-mt-xs", products(1151), 1),
    Expectation("VA10 CT M", products(1156), 1),
    Expectation("maxi dress", products(1147, 1151, 1152), 5),
    Expectation("infinity scarves", products(1162, 1163, 1164, 1165), 5),
    Expectation("leather belt", products(1156, 1157, 1158), 5),
    Expectation("braided belt", products(1157, 1158), 3),
    Expectation("wide leg pants", products(1139, 1140), 3),
    Expectation("palazo pants", products(1137, 1141, 1142), 5),
    Expectation("necklase", products(3, 4), 3),
    Expectation("gold hoop earrings", products(8), 3),
    Expectation("silver earrings", products(2, 5, 7), 5),
    Expectation("jumper", products(1109, 1110, 1112, 1115, 1118), 10),
    Expectation("trousers", products(1137, 1138, 1139, 1140, 1141, 1142, 1143), 10),
    Expectation("cashmere cardigan", products(1111, 1114, 1116), 5),
    Expectation("linen pants", products(1138), 1),
    Expectation("silk blouse", products(1100, 1101), 5),
    Expectation("atelier lumiere scarf", products(1160, 1163), 5),
    Expectation("hooded cardigan", products(1114), 1),
    Expectation("lace top", products(1099), 1),
    Expectation("crochet shorts", products(1133, 1135), 3),
    Expectation("a dress for the summer", ["post-1"], 5),
    Expectation("sun dress", products(1144), 3),
    Expectation("size guide", ["page-4"], 1),
    Expectation("returns", ["page-1"], 3),
    Expectation("scoop neck", ["post-6", *products(1096)], 10),
    Expectation("jewellery", ["category-5"], 3),
    Expectation("peach blouse", products(1101, 1107), 5),
    Expectation("carmina", products(1, 3), 2),
    Expectation("ruby necklace", products(3), 1),
]
VENIA_UNSEEN = [
    Expectation("VP06", products(1138), 1),
    Expectation("va13gona", products(3), 2),
    Expectation("belts", ["category-4", *products(1156, 1157, 1158, 1159)], 6),
    Expectation("bangles", products(9, 10, 12), 5),
    Expectation("skirts", ["category-13"], 1),
    Expectation("cardigans with hood", products(1114), 3),
    Expectation("sleevless blouse", products(1100, 1102), 3),
    Expectation("tank dress", products(1145, 1148, 1149, 1150, 1155), 6),
    Expectation("halter dress", products(1153), 1),
    Expectation("organic cotton sweater", products(1115, 1118), 5),
    Expectation("styling consultation", products(13), 1),
    Expectation("retire your lbd", ["category-20"], 1),
    Expectation("sterling silver necklace", products(4), 1),
    Expectation("shipping", ["page-1"], 3),
    Expectation("v-neck top", products(1098), 5),
    Expectation("nylon", ["post-2"], 10),
    Expectation("carmina neckalce", products(3), 1),
    Expectation("cropped", products(1099, 1112), 3),
    Expectation("capri pants", products(1136), 3),
    Expectation("scarf infinity ombre", products(1163), 1),
    Expectation("luma", products(3, 14, 1156), 5),
]
