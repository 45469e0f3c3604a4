/// Who or what is meant: a sentence with two candidates and an ending that fits only one of them.
///
/// A and B are characters, X and Y things. `first` are endings about A (or X), `second` about B (or Y).
struct Ambiguity: Sendable {
  let lead: Template
  let first: [String]
  let second: [String]
  let aboutThings: Bool

  private init(_ line: String) {
    let fields = line.split(separator: "|").map { $0.trimmed }
    lead = Template(fields[0])
    first = fields[1].split(separator: ",").map { $0.trimmed }
    second = fields[2].split(separator: ",").map { $0.trimmed }
    aboutThings = fields[0].contains("{X}")
  }

  /// sentence | endings about the first | endings about the second
  static let all: [Ambiguity] = Lexicon.phrases(
    """
    {A} asked {B} for help because | could not do it alone, was too weak, did not know the way | was very strong, knew the way well, had done it before
    {A} thanked {B} because | had got a gift, had been helped, was saved from the storm | had been so kind, had given help, had brought a gift
    {A} gave {B} some soup because | had cooked too much, was a good cook, had plenty of it | was hungry, had not eaten all day, looked cold and thin
    {A} paid {B} ten coins because | had bought a goat, had lost the bet, owed the money | had sold a goat, had won the bet, had lent the money
    {A} visited {B} in bed because | was worried, wanted to cheer up a friend, had some free time | was ill, had a broken leg, had to rest
    {A} lost the race against {B} because | was too slow, had hurt a foot, fell over a stone | was very fast, had trained more, had better shoes
    {A} said sorry to {B} because | had broken the vase, had come late, had told a lie | had waited so long, had been left alone, was hurt by the words
    {A} lent {B} a warm coat because | had two of them, was not cold, wanted to be kind | was cold, had wet clothes, had no coat
    {A} taught {B} to read because | was a good teacher, had read many books, liked to teach | could not read, wanted to learn, had never been to school
    {A} hid from {B} because | was afraid, did not want to be found, had done something bad | was angry, was looking for someone, was the one to search
    {A} carried the bag of {B} because | was strong, had free hands, wanted to help | was tired, was too old, had a bad back
    {A} listened to {B} because | wanted to know the story, was curious, had asked a question | told a good story, had a fine voice, had news to tell
    {A} woke {B} because | was bored alone, had heard a noise, got up first | had slept too long, was still asleep, snored loudly
    {A} bought bread from {B} because | needed food, had none at home, was out of bread | was the baker, sold the best bread, owned the shop
    {A} could not see over {B} because | was too short, sat in the back, was so small | was too tall, wore a big hat, stood in front
    {A} followed {B} because | did not know the road, was lost, walked behind | knew the road, was the guide, walked in front
    The {X} did not fit into the {Y} because the {_} | was too big, was too wide, was too long | was too small, was too narrow, was too short
    The {X} broke the {Y} because the {_} | was heavy, was hard, fell down | was thin, was fragile, cracked easily
    The {X} was put on top of the {Y} because the {_} | was light, was small enough, would stay dry there | was flat, was strong enough, could hold it
    The {X} sank and the {Y} floated because the {_} | was heavy, was full of water, had a hole | was light, was full of air, had no hole
    The {X} was sold before the {Y} because the {_} | was cheap, was very pretty, was wanted by all | was too dear, was ugly, was wanted by nobody
    The {X} was cleaned but not the {Y} because the {_} | was dirty, was full of mud, had spots | was clean already, shone brightly, was as good as new
    """
  ).map(Ambiguity.init)
}

extension Scribe {
  /// Partial scoring: the same ending after each of the two fillings.
  mutating func pronoun() -> Exercise? { ambiguity()?.0 }

  /// An exercise, and sentences that tell more about either side: "Mira was too weak. Taro knew the way."
  mutating func ambiguity() -> (Exercise, more: [String])? {
    let index = random.next(below: Ambiguity.all.count)
    let case_ = Ambiguity.all[index]
    let about = random.next(below: 2)
    let ending = pick(about == 0 ? case_.first : case_.second)
    var pair: [String]
    var introduction: String
    if case_.aboutThings {
      let things = world.members[.object]!
      guard let chosen = some(2, of: things), allows("pronoun", index, chosen[0], chosen[1]) else { return nil }
      pair = chosen.map { world.entities[$0].name.withoutArticle }
      introduction = pair[0]
    } else {
      let cast = newNames(2)
      pair = cast.map(\.name)
      introduction = cast[0].fullName
    }
    let context = case_.lead.filled { slot in
      switch slot {
      case "A", "X": introduction
      case "B", "Y": pair[1]
      default: ""
      }
    }.trimmed
    let exercise = Exercise(
      context, fillings: pair.map { "\(context) \($0)" }, choices: [" \(ending)."], answer: about, facts: [])
    var more: [String] = []
    for _ in 0..<(split == .training ? number(1...4) : 0) {
      let side = random.next(below: 2)
      let name = case_.aboutThings ? "The \(pair[side])" : pair[side]
      more.append("\(name) \(pick(side == 0 ? case_.first : case_.second)).")
    }
    return (exercise, more)
  }
}
