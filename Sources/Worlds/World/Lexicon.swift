/// The word lists that the microworld is built from. Hand-made, short and small in number, so that a
/// byte-level BPE of about 2,048 tokens spends one or two tokens on almost every word.
enum Lexicon {
  static func words(_ text: String) -> [String] { text.split(whereSeparator: \.isWhitespace).map(String.init) }
  static func phrases(_ text: String) -> [String] {
    text.split(separator: "\n").map { String($0).trimmed }.filter { !$0.isEmpty }
  }

  // MARK: Names

  static let nameStarts = words(
    """
    Al Ba Be Bo Ca Da De El Fa Fi Ga Ha Il Jo Ka Ki La Le Li Lo Ma Me Mi Mo Na Ne Ni No Or Pa Pe Ra Re Ri Ro \
    Sa Se Si So Ta Te Ti To Va Ve Vi Wi Za
    """)
  /// Endings of women's and of men's names; the pronoun follows from the ending.
  static let femaleEnds = words("la na ra da lia nia ria sa tta ya")
  static let maleEnds = words("lo no ro do lan nin rik sen mon vin")
  /// The second edition has more of both.
  static let moreFemaleEnds = words("mira sina leta vela dora")
  static let moreMaleEnds = words("dan vor bert gor tis")
  /// Words and famous names that the syllables happen to spell.
  static let notNames = words("Lemon Lenin Benin Salsa Bella Mayo Dada Nada Salmon Hanoi Fala Alla Elda")
  static let townStarts = words(
    "Old Red Green Stone Oak Ash Elm Mill Lake Fox Swan Crow High Low Long Salt Wind Rose Thorn Deer Pine Gold")
  static let townEnds = words("ham ford ton wick field mere port bury")
  static let moreTownEnds = words("dale bridge stead cliff")
  static let surnames = words(
    """
    Bell Reed Hart Moor Lane Pike Voss Finch Holt Wren Shaw Croft Penn Dale Birch Lund Quist Rowe Sage Thorne \
    Vale York Boyd Carr Drew Ford Gray Kerr Lowe Nash Tate Webb
    """)
  static let rivers = words(
    "Arl Bren Cald Dove Esk Fenn Garr Hale Isk Kell Lorn Medd Nith Orwin Pell Sarn Teme Wend")
  static let petNames = words(
    """
    Pip Dot Moss Tansy Button Pepper Biscuit Clover Daisy Echo Fern Ginger Hazel Ivy Jasper Kit Lucky Midge \
    Nutmeg Olive Patch Quill Rusty Sable Tuft Umber Velvet Whisker Ziggy Acorn Bramble Cricket Dusty Ember \
    Flick Goose Honey Inky Jumper Kiwi Lark Mango Nibble Otto Pebble Quick Ruby Sorrel Thistle Twig Wisp Bean \
    Comet Dandy Fizz Gull Hop Jolly Marble Puck
    """)

  // MARK: Values of people and towns

  static let jobs = words(
    """
    baker farmer teacher doctor painter carpenter tailor fisher miller gardener potter singer weaver smith \
    sailor shepherd cook barber judge clerk writer guard hunter nurse
    """)
  static let foods = words(
    """
    soup bread rice fish cake beans eggs nuts stew porridge pancakes pears corn carrots peas dumplings noodles \
    pie cherries mushrooms plums apples cheese honey
    """)
  static let petKinds = words("cat dog goat parrot rabbit duck pony turtle mouse hen")
  static let products = words(
    """
    wool glass paper salt rope leather soap candles bricks tea silk nails hats boats baskets drums flour ink \
    barrels tiles ribbons lace knives carpets
    """)
  static let directions = words("north south east west")
  static let weekdays = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
  static let months = words(
    "January February March April May June July August September October November December")
  static let festivals = phrases(
    """
    the Lantern Feast
    the Kite Day
    the River Race
    the Apple Fair
    the Snow Dance
    the Bell Night
    the Honey Feast
    the Drum Parade
    the Boat Show
    the Wool Fair
    the Candle Walk
    the Flower Day
    """)

  // MARK: Values of objects

  static let colours = words("red blue green yellow white black brown grey pink purple")
  static let hardMaterials = words("wood iron copper stone clay glass silver bone")
  static let softMaterials = words("cloth wool leather straw silk felt")
  static let places = words(
    "kitchen attic cellar shed hall garden barn stable workshop chapel school mill tower library bakery cabin")

  // MARK: Values of animals, shops and recipes

  static let habitats = words("pond forest river meadow hill cave marsh valley cliff desert")
  static let diets = words("seeds grass fish insects nuts berries worms leaves mice roots")
  /// name legs sound
  static let animals = words(
    """
    cow/four/moo sheep/four/baa horse/four/neigh pig/four/oink dog/four/bark cat/four/meow goat/four/bleat \
    frog/four/croak duck/two/quack hen/two/cluck owl/two/hoot crow/two/caw dove/two/coo goose/two/honk \
    parrot/two/squawk robin/two/chirp bee/six/buzz cricket/six/chirr beetle/six/click ant/six/tick \
    snake/no/hiss eel/no/bubble worm/no/rustle spider/eight/tap scorpion/eight/scrape lion/four/roar \
    wolf/four/howl mouse/four/squeak bear/four/growl donkey/four/bray rabbit/four/thump turtle/four/grunt \
    pony/four/snort
    """)
  static let shopAdjectives = words("Blue Silver Old Happy Golden Little Brave Quiet Red Lucky")
  static let shopNouns = words("Door Star Fox Wheel Anchor Bell")
  static let goods = words(
    """
    toys shoes books coats cakes flowers tools spices lamps cups stamps gloves combs toffee kites seeds bread \
    maps pots belts
    """)
  static let dishes = phrases(
    """
    winter soup
    farm pie
    green stew
    sailor bread
    moon cake
    river rice
    hill porridge
    red sauce
    market salad
    feast roast
    honey buns
    night tea
    garden broth
    king pudding
    shepherd pasta
    plum tart
    golden curry
    stone biscuits
    fisher stew
    morning oats
    """)
  static let ingredients = words("leeks garlic pepper butter lemon ginger mint cream onions barley cabbage ham")

  // MARK: What makes more of them in the second edition

  static let sizes = words("old new small large tall short heavy light plain fine")
  static let breeds = words("horned spotted dwarf giant crested striped bearded spiny")
  static let moreShopAdjectives = words("Merry Tiny Proud White Crooked Sleepy Wooden Green Humble Bright")
  static let moreShopNouns = words("Crown Barrel Lion Candle")
  static let dishStarts = words(
    "winter farm green sailor moon river hill red market feast honey night garden king shepherd golden")
  static let dishEnds = words("soup pie stew bread cake rice porridge sauce salad roast")
  static let festivalStarts = words("Lantern Kite River Apple Snow Bell Honey Drum Boat Wool Candle Flower")
  static let festivalEnds = words("Feast Day Race Fair")

  static let feelings = words("happy proud glad calm cheerful grateful")
  static let badFeelings = words("sad worried upset afraid lonely angry")
}

extension StringProtocol {
  /// Without spaces at either end.
  var trimmed: String {
    var view = self[...]
    while let first = view.first, first.isWhitespace { view.removeFirst() }
    while let last = view.last, last.isWhitespace { view.removeLast() }
    return String(view)
  }
}
