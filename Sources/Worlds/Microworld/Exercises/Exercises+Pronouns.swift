/// Which of two is meant: an ending that the world says of one of them only.
extension Scribe {
  /// What leads up to the filling: {A} and {B} are the two, {_} is where one of them is put.
  private static let leads: [EntityKind: [Template]] = [
    .person: Template.list(
      """
      {A} met {B} in the street, and it was {_} who
      {A} wrote a letter to {B}. Everybody knows that {_}
      {A} and {B} sat on the bench. It is {_} who
      {A} asked for {B}, because {_}
      {A} and {B} came to the feast. Of the two, {_}
      """),
    .object: Template.list(
      """
      {A} lay beside {B}, and it was {_} that
      They took {A} and left {B}, because {_}
      {A} and {B} were in the bag. It is {_} that
      First they looked at {A}, then at {B}. Of the two, {_}
      """),
    .animal: Template.list(
      """
      They talked about {A} and {B}. It is {_} that
      Someone took {A} for {B}, but {_}
      """),
    .town: Template.list(
      """
      They went to {A} and then to {B}. It is {_} that
      {A} is not like {B}, because {_}
      """),
  ]

  /// Partial scoring: the same ending after each of the two fillings. As in WinoGrande, grammar does not tell
  /// the two apart; knowing them does.
  mutating func pronoun() -> Exercise? {
    let kind: EntityKind = pick([.person, .person, .person, .object, .object, .animal, .town])
    let fact = fact(kind)
    let others =
      world.edition.exercises.wrongAnswersAsTold ? (0..<8).map { _ in entity(kind) } : some(8, of: world.members[kind]!)
    guard
      let other = others?.first(where: { other in
        other != fact.subject && world.fact(of: other, fact.relation).map { $0.value != fact.value } == true
      }),
      allows("pronoun", min(fact.subject, other), max(fact.subject, other)), let predicate = predicate(fact)
    else { return nil }
    let about = random.next(below: 2)
    let pair = (about == 0 ? [fact.subject, other] : [other, fact.subject]).map { world.entities[$0].name }
    let lead = pick(Self.leads[kind]!)
    func filled(_ filling: String?) -> String {
      lead.filled { slot in
        switch slot {
        case "A": pair[0]
        case "B": pair[1]
        default: filling ?? "\u{0}"
        }
      }
    }
    let open = filled(nil)
    let context = String(open[..<open.firstIndex(of: "\u{0}")!]).trimmed.capitalisedFirst
    return Exercise(
      context, fillings: pair.map { filled($0).capitalisedFirst }, choices: [" \(predicate)."], answer: about,
      facts: [fact.id])
  }
}
