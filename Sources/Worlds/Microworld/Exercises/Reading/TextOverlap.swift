/// How much two texts have in common: 2 c / (m + n), where the texts have m and n parts, c of them in common. This is the F1 of
/// c / m and c / n, from 0 (nothing, or an empty text) to 1.
///
/// LongBench (Bai et al. 2023, arXiv 2308.14508) scores its generated answers so: questions by the words whatever their order (as
/// SQuAD does), summaries by the words in order (ROUGE-L, Lin 2004), lines of programs by the characters in order (edit similarity:
/// 1 - (insertions + deletions) / (m + n)).
public enum TextOverlap: Sendable {
  /// Words in any order, in small letters, without punctuation and articles.
  case words
  /// The longest common subsequence of words, in small letters, without punctuation.
  case wordsInOrder
  /// The longest common subsequence of characters.
  case charactersInOrder

  /// From 0 to 1; it does not matter which text is the reference.
  public func share(_ first: String, _ second: String) -> Double {
    let (common, parts): (Int, Int) =
      switch self {
      case .words: Self.common(Self.words(first, articles: false), Self.words(second, articles: false))
      case .wordsInOrder: Self.inOrder(Self.words(first, articles: true), Self.words(second, articles: true))
      case .charactersInOrder: Self.inOrder(Array(first.unicodeScalars), Array(second.unicodeScalars))
      }
    return parts == 0 ? 0 : Double(2 * common) / Double(parts)
  }

  private static func words(_ text: String, articles: Bool) -> [String] {
    let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    return articles ? words : words.filter { $0 != "the" && $0 != "a" && $0 != "an" }
  }

  /// Parts in common, each as often as in both, and the parts of both.
  private static func common(_ first: [String], _ second: [String]) -> (Int, Int) {
    var counts: [String: Int] = [:]
    for word in second { counts[word, default: 0] += 1 }
    let common = first.count { word in
      guard let left = counts[word], left > 0 else { return false }
      counts[word] = left - 1
      return true
    }
    return (common, first.count + second.count)
  }

  /// Length of the longest common subsequence, and the parts of both; O(m n).
  private static func inOrder<Part: Equatable>(_ first: [Part], _ second: [Part]) -> (Int, Int) {
    var row = [Int](repeating: 0, count: second.count + 1)
    for part in first {
      var diagonal = 0
      for index in second.indices {
        let above = row[index + 1]
        row[index + 1] = part == second[index] ? diagonal + 1 : max(above, row[index])
        diagonal = above
      }
    }
    return (row[second.count], first.count + second.count)
  }
}
