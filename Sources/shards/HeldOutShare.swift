import Groundwork

/// Which documents are held out: of every `1 / share` that follow each other one, by chance. How many will come need not be
/// known, the same documents are chosen again, and of n documents `n * share` are, give or take one.
struct HeldOutShare {
  /// Above 0 and below 1.
  let share: Double
  private let chances = RandomStream(seed: 0, "held-out documents")
  /// Documents looked at, and groups that they filled.
  private var (documents, groups) = (0, 0)
  private var chosen = 0

  init(_ share: Double) {
    self.share = share
    chosen = choice()
  }

  /// The first document of a group; what rounding adds to a whole number is taken off.
  private func start(_ group: Int) -> Int { Int(min(Double(group) / share - 1e-6, 1e18).rounded(.up)) }

  /// The document of the current group that is held out.
  private func choice() -> Int {
    let (first, next) = (start(groups), start(groups + 1))
    return first + chances.below(max(1, next - first), at: UInt64(groups))
  }

  /// Whether the next document is held out.
  mutating func takesNext() -> Bool {
    let takes = documents == chosen
    documents += 1
    if documents >= start(groups + 1) {
      groups += 1
      chosen = choice()
    }
    return takes
  }
}
