/// A short talk of two and what it came to, behind three others with theirs.
extension Scribe {
  /// Lines of A and B by turns, and the summary. Slots: A and B the two, O a thing, W a weekday, P a place, T a town, F and G foods,
  /// K a pet and N its name.
  private struct Talk: Sendable {
    let lines: [[Template]]
    let summary: Template

    init(_ text: String, _ summary: Template) {
      lines = Lexicon.phrases(text).map { $0.split(separator: "/").map { Template($0.trimmed) } }
      self.summary = summary
    }
  }

  private static let talks = [
    Talk(
      """
      Can you lend me {O}? / Do you still have {O}? I need it.
      Of course. It is in the {P}. / Yes, I keep it in the {P}.
      When may I come for it? / Can I get it soon?
      Come on {W}. / On {W} I am at home.
      Thank you! / You are a good friend.
      """, "{A} gets {O} from {B} on {W}."),
    Talk(
      """
      Are you free on {W}? / Do you have time on {W}?
      I am. Why do you ask? / Yes, what is it?
      Let us go to {T} together. / I want to see {T}.
      Good. I will bring some {F}. / Fine, then I pack some {F}.
      I am looking forward to it. / That will be a fine day.
      """, "{A} and {B} go to {T} on {W}, and {B} brings {F}."),
    Talk(
      """
      Guess what, I have got a {K}. / Since today I have a {K}.
      How nice! What is it called? / Really? Has it got a name?
      {N}. / I call it {N}.
      When can I see it? / May I come and see it?
      Come to my house on {W}. / On {W}, if you like.
      """, "{A} has a {K} called {N}, and {B} comes to see it on {W}."),
    Talk(
      """
      Will you come to the {P} today? / I am in the {P}. Where are you?
      No, I am ill. / I am ill and must stay in bed.
      Poor you! Shall I bring you {F}? / Would you like some {F}?
      Yes, please, and some {G}. / That would be nice. And {G}, if you have any.
      I will be there soon. / I am on my way.
      """, "{B} is ill, and {A} brings {F} and {G}."),
  ]

  /// "Chat of Sera Vale and Rodo Bell [...] Summary:" with the answer "Sera gets the lamp from Rodo on Monday."
  mutating func chat() -> Exercise? {
    let kinds = some(4, of: Array(Self.talks.indices))!
    // The last is of a kind that was shown before.
    let shown = kinds[..<3] + [pick(Array(kinds[..<3]))]
    let told = shown.map { talk(Self.talks[$0]) }
    let before = told.dropLast().map { "\($0.text)\nSummary: \($0.summary)\n\n" }.joined()
    return written(before + told[3].text + "\nSummary:", told[3].summary)
  }

  private mutating func talk(_ talk: Talk) -> (text: String, summary: String) {
    let cast = newNames(2)
    let (food, more) = two(of: Lexicon.foods)
    let slots: [Swift.Character: String] = [
      "A": cast[0].name, "B": cast[1].name, "O": world.entities[entity(.object)].name, "W": pick(Lexicon.weekdays),
      "P": pick(Lexicon.places), "T": world.entities[entity(.town)].name, "F": food, "G": more,
      "K": pick(Lexicon.petKinds), "N": pick(Lexicon.petNames),
    ]
    let lines = talk.lines.enumerated().map { index, wordings in
      "\(index % 2 == 0 ? cast[0].name : cast[1].name): \(pick(wordings).filled { slots[$0] ?? "" }.sentence)"
    }
    return (
      "Chat of \(cast[0].fullName) and \(cast[1].fullName)\n" + lines.joined(separator: "\n"),
      talk.summary.filled { slots[$0] ?? "" }
    )
  }
}
