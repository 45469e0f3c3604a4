/// Token sequences that begin alike, as a tree in which every shared beginning stands once: what a model reads to score
/// them all.
///
/// A node holds the tokens from where its sequences part from others to where they part from each other. Several trees
/// may stand side by side.
struct PrefixTree {
  /// Tokens that all sequences below a node share.
  struct Node {
    /// At least one.
    var tokens: ArraySlice<Int32>
    /// The number of the first of them in its sequences.
    var start: Int
    /// nil: at the beginning.
    var parent: Int?
    /// Places of the sequences that run through it, among the sorted ones.
    var sequences: Range<Int>
  }

  /// Level by level, parents before children: `nodes[levels[l]]` have l nodes above them.
  private(set) var nodes: [Node] = []
  private(set) var levels: [Range<Int>] = []

  /// - Parameters:
  ///   - sequences: sorted, at least one token each
  ///   - trees: sequences that may share beginnings, a range for each tree
  init(_ sequences: [ArraySlice<Int32>], trees: [Range<Int>]) {
    var open: [(sequences: Range<Int>, start: Int, parent: Int?)] = trees.map { ($0, 0, nil) }
    while !open.isEmpty {
      let first = nodes.count
      var next: [(sequences: Range<Int>, start: Int, parent: Int?)] = []
      for (range, start, parent) in open {
        for part in Self.parts(sequences, range, at: start) {
          let tokens = sequences[part.lowerBound].dropFirst(start)
          // What the first and the last of sorted sequences share, all of them share.
          let shared = zip(tokens, sequences[part.upperBound - 1].dropFirst(start)).prefix { $0 == $1 }.count
          next.append((part, start + shared, nodes.count))
          nodes.append(Node(tokens: tokens.prefix(shared), start: start, parent: parent, sequences: part))
        }
      }
      if nodes.count > first { levels.append(first..<nodes.count) }
      open = next
    }
  }

  /// Runs of sequences with the same token number `position`; without those that have ended.
  private static func parts(_ sequences: [ArraySlice<Int32>], _ range: Range<Int>, at position: Int) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var first = range.lowerBound
    while first < range.upperBound {
      guard let token = sequences[first].dropFirst(position).first else {
        first += 1
        continue
      }
      let end =
        sequences[first..<range.upperBound].firstIndex { $0.dropFirst(position).first != token } ?? range.upperBound
      parts.append(first..<end)
      first = end
    }
    return parts
  }
}
