import Foundation
import Groundwork

extension PreferencePair {
  /// Reads JSON Lines of `{"prompt": ..., "chosen": ..., "rejected": ...}` (texts; further keys are ignored,
  /// blank lines skipped), each pair with the number of its line. A line that cannot be trained on is an
  /// error that names file, line and reason.
  public static func read(_ url: URL) throws -> [(line: Int, pair: PreferencePair)] {
    let pairs = try JSONLines.read(
      PreferencePair.self, from: url, what: "a preference pair",
      expected: "{\"prompt\": text, \"chosen\": text, \"rejected\": text}", kind: .usage)
    for (line, pair) in pairs {
      guard let problem = pair.problem else { continue }
      throw UpcycleError.usage("is not a usable preference pair", at: "\(url.path):\(line)", found: problem)
    }
    if pairs.isEmpty { throw UpcycleError.usage("holds no preference pairs", at: url.path) }
    return pairs.map { (line: $0.line, pair: $0.value) }
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
