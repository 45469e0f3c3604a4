/// One event as three papers tell it, and the event in two sentences.
extension Scribe {
  private static let disasters = [
    ("a storm", "tore down"), ("a fire", "burned down"), ("a flood", "washed away"), ("a falling tree", "crushed"),
    ("a landslide", "buried"), ("a lightning bolt", "split"),
  ]
  /// Slots: W a weekday, I what came, V what it did, P a place, T a town, H the full name of a rescuer and E the job,
  /// N a number, O and c a thing and its price, M a month, B a witness. Wordings by paper.
  private static let leads = Template.list(
    """
    On {W} {I} {V} the {P} of {T}.
    The {P} of {T} is gone. It was {I} that {V} the building on {W}.
    Sad news from {T}: {W} was the day when {I} {V} the {P}.
    """)
  private static let rescues = Template.list(
    """
    {N} people were inside, and {H}, a {E}, saved all of them.
    The {E} {H} saved {N} people.
    All {N} people who were inside live. They thank {H}, who works as a {E}.
    """)
  private static let losses = Template.list(
    """
    Among the things that were lost is {O}, worth {c}.
    {O} was lost too. It had cost {c}.
    For {O} they had once paid {c}; now it is lost.
    """)
  private static let plans = Template.list(
    """
    In {M} the {P} will be built again.
    The town wants a new {P} in {M}.
    Nobody will use the {P} before {M}.
    """)
  private static let witnesses = Template.list(
    """
    "I heard a loud noise and ran into the street," said {B}.
    {B}, who lives across the road, could not believe it.
    "I have never seen such a thing," said {B}.
    """)

  /// "Paper 1: [...] Paper 3: [...] Summary:" with the answer "On Monday a storm tore down the mill of Oakford. Sera Vale, a
  /// baker, saved seven people."
  mutating func news() -> Exercise? {
    let cast = newNames(2)
    let (what, did) = pick(Self.disasters)
    let (job, place, day, town) = (
      pick(Lexicon.jobs), pick(Lexicon.places), pick(Lexicon.weekdays), world.entities[entity(.town)].name
    )
    let (people, month, price) = (pick(Self.numberWords), pick(Lexicon.months), "\(number(12...90)) coins")
    let thing = world.entities[entity(.object)].name
    let slots: [Swift.Character: String] = [
      "W": day, "I": what, "V": did, "P": place, "T": town, "H": cast[0].fullName, "E": job, "N": people, "O": thing,
      "c": price, "M": month, "B": cast[1].fullName,
    ]
    var (papers, wordings): ([String], [Int]) = ([], [0, 1, 2])
    random.shuffle(&wordings)
    for (index, wording) in wordings.enumerated() {
      var rest = [Self.rescues, Self.losses, Self.plans, Self.witnesses]
      random.shuffle(&rest)
      let told = ([Self.leads] + rest).map { list in list[wording].filled { slots[$0] ?? "" }.sentence }
      papers.append("Paper \(index + 1): " + told.joined(separator: " "))
    }
    return written(
      papers.joined(separator: "\n") + "\nSummary:",
      "On \(day) \(what) \(did) the \(place) of \(town). \(cast[0].fullName), a \(job), saved \(people) people.")
  }
}
