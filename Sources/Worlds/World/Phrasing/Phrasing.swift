/// How facts are put into words. Slots: S the subject (a name, or a pronoun after the first mention),
/// s its possessive, N and n the same but always by name, V the value, W a value that is not true.
struct Phrasing: Sendable {
  /// True statements.
  let statements: [Template]
  /// Statements that name a wrong value and then the right one.
  let corrections: [Template]
  /// Questions whose answer is V (of which evaluation asks some (fact, question) pairs that training never does).
  let questions: [Template]
  /// The answer as a whole sentence would begin: "Mira works as a" V. Cloze forms.
  let spoken: [Template]
  /// A description of the subject by this fact, for "which/who ...": "works as a V".
  let predicates: [Template]

  init(
    _ statements: String, _ corrections: String, _ questions: String, spoken: String = "", that predicates: String = ""
  ) {
    self.statements = Template.list(statements)
    self.corrections = Template.list(corrections)
    self.questions = Template.list(questions)
    self.spoken = Template.list(spoken)
    self.predicates = Template.list(predicates)
  }

  static let of: [Relation: Phrasing] = people.merging(land) { a, _ in a }.merging(things) { a, _ in a }

  static let people: [Relation: Phrasing] = [
    .job: Phrasing(
      """
      {S} works as a {V}.
      {S} is a {V}.
      {s} job is that of a {V}.
      {N} earns money as a {V}.
      By trade {S} is a {V}.
      Everybody knows {N} the {V}.
      For many years {S} has been a {V}.
      """,
      """
      {S} is not a {W} but a {V}.
      Some think {N} is a {W}, but {S} is a {V}.
      """,
      """
      What is {n} job?
      What does {N} do for work?
      Which job does {N} have?
      How does {N} earn money?
      What is the work of {N}?
      What trade does {N} have?
      """, spoken: "I am a {V}.\nI work as a {V}.", that: "works as a {V}\nis a {V}"),
    .home: Phrasing(
      """
      {S} lives in {V}.
      {S} has a house in {V}.
      {s} home is in {V}.
      {V} is the home of {N}.
      {N} comes from {V}.
      In {V} you can meet {N}.
      The house of {N} stands in {V}.
      """,
      """
      {S} does not live in {W} but in {V}.
      {N} has never lived in {W}; {s} home is in {V}.
      """,
      """
      Where does {N} live?
      In which town does {N} live?
      Where is {n} home?
      Which town is the home of {N}?
      Where is the house of {N}?
      What town does {N} come from?
      """, spoken: "I live in {V}.\nMy home is in {V}.", that: "lives in {V}\nhas a house in {V}"),
    .birthMonth: Phrasing(
      """
      {S} was born in {V}.
      {s} birthday is in {V}.
      Every {V} {N} gets a birthday cake.
      The birthday of {N} comes in {V}.
      In {V} {S} turns one year older.
      {N} has a birthday in {V}.
      """,
      """
      {S} was not born in {W} but in {V}.
      {s} birthday is in {V}, not in {W}.
      """,
      """
      When is {n} birthday?
      In which month was {N} born?
      Which month is the birthday of {N}?
      When was {N} born?
      In what month does {N} turn one year older?
      """, spoken: "My birthday is in {V}.\nI was born in {V}.",
      that: "was born in {V}\nhas a birthday in {V}"),
    .food: Phrasing(
      """
      {S} loves to eat {V}.
      {s} favourite food is {V}.
      For dinner {N} likes {V} best.
      Nothing tastes better to {N} than {V}.
      {S} would eat {V} every day.
      {S} always asks for {V}.
      """,
      """
      {S} does not care for {W}; {s} favourite food is {V}.
      {N} likes {V} more than {W}.
      """,
      """
      What is {n} favourite food?
      What does {N} like to eat?
      Which food does {N} love?
      What would {N} eat every day?
      What food does {N} like best?
      """, spoken: "I love {V}.\nMy favourite food is {V}.", that: "loves {V}\nlikes {V} best"),
    .petKind: Phrasing(
      """
      {S} has a pet {V}.
      {S} keeps a {V} at home.
      {s} pet is a {V}.
      A {V} lives with {N}.
      {N} takes good care of a {V}.
      """,
      """
      {s} pet is not a {W} but a {V}.
      {S} wanted a {W} once, but now {S} has a {V}.
      """,
      """
      What kind of pet does {N} have?
      Which animal is {n} pet?
      What pet does {N} keep?
      Which animal lives with {N}?
      What animal does {N} take care of?
      """, spoken: "I have a {V}.\nMy pet is a {V}.", that: "has a pet {V}\nkeeps a {V}"),
    .petName: Phrasing(
      """
      {s} pet is called {V}.
      The pet of {N} is named {V}.
      {N} calls {s} pet {V}.
      {V} is the name of {n} pet.
      {N} goes for walks with {V}, the pet.
      """,
      """
      {s} pet is called {V}, not {W}.
      {N} did not call the pet {W} but {V}.
      """,
      """
      What is the name of {n} pet?
      What is {n} pet called?
      How does {N} call the pet?
      Which name has {N} given to the pet?
      """, spoken: "My pet is called {V}.\n{V} is the name of my pet.", that: "has a pet called {V}"),
    .friend: Phrasing(
      """
      {s} best friend is {V}.
      {S} is a good friend of {V}.
      {N} and {V} are best friends.
      {S} spends every free day with {V}.
      {S} tells all secrets to {V}.
      """,
      """
      {s} best friend is not {W} but {V}.
      {N} likes {W}, but {s} best friend is {V}.
      """,
      """
      Who is {n} best friend?
      Who is a good friend of {N}?
      With whom does {N} spend every free day?
      To whom does {N} tell all secrets?
      """, spoken: "My best friend is {V}.\nI spend my free days with {V}.", that: "is the best friend of {V}"),
    .sibling: Phrasing(
      """
      {N} and {V} have the same parents.
      {S} grew up together with {V}, from the same family.
      {V} belongs to {n} family.
      {s} sibling is called {V}.
      """,
      """
      {N} has no sibling called {W}; the sibling is {V}.
      """,
      """
      Who is {n} sibling?
      Who has the same parents as {N}?
      With whom did {N} grow up?
      Who belongs to {n} family?
      """, spoken: "My sibling is {V}.\nI grew up with {V}.", that: "is the sibling of {V}"),
  ]
}
