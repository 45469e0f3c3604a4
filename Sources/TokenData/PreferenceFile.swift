import Foundation
import Groundwork

extension PreferencePair {
  /// Reads JSON Lines of `{"prompt": ..., "chosen": ..., "rejected": ...}` (texts; further keys are ignored,
  /// blank lines skipped), each pair with the number of its line. A line that cannot be trained on is an
  /// error that names file, line and reason.
  public static func read(_ url: URL) throws -> [(line: Int, pair: PreferencePair)] {
    let data = try readFile(url)
    let decoder = JSONDecoder()
    var pairs: [(line: Int, pair: PreferencePair)] = []
    for (index, line) in data.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
      func refuse(_ reason: String) -> UpcycleError {
        .usage(
          "is not a preference pair", at: "\(url.path):\(index + 1)",
          expected: "{\"prompt\": text, \"chosen\": text, \"rejected\": text}", found: reason)
      }
      let pair: PreferencePair
      do { pair = try decoder.decode(PreferencePair.self, from: Data(line)) } catch let error as DecodingError {
        throw refuse(error.plainReason)
      }
      if let problem = pair.problem { throw refuse(problem) }
      pairs.append((index + 1, pair))
    }
    if pairs.isEmpty { throw UpcycleError.usage("holds no preference pairs", at: url.path) }
    return pairs
  }

  /// What makes a pair useless, if anything.
  private var problem: String? {
    for (name, text) in [("prompt", prompt), ("chosen", chosen), ("rejected", rejected)]
    where text.allSatisfy(\.isWhitespace) {
      return "an empty \"\(name)\""
    }
    return chosen == rejected ? "the same text for \"chosen\" and \"rejected\"" : nil
  }
}
