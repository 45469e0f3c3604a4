import Foundation
import Groundwork

/// One prompt of RULER with its references, a line of a JSON Lines file in NVIDIA's fields: `index`, `input`,
/// `outputs`, `length` (tokens of input and answer prefix and the answer's budget), `answer_prefix` (put after the
/// input; may be absent). `tokens_to_generate`, the budget, stands in our files alone: theirs have RULER's own.
public struct RulerSample: Codable, Equatable, Sendable {
  /// From 0.
  public var index: Int
  /// Haystack and question.
  public var input: String
  /// The references, at least one.
  public var outputs: [String]
  /// Tokens of input, answer prefix and answer budget.
  public var length: Int
  /// Put after the input; nil: nothing.
  public var answerPrefix: String?
  /// Tokens that the answer may take, where a file says it.
  public var answerTokens: Int?

  enum CodingKeys: String, CodingKey {
    case index, input, outputs, length
    case answerPrefix = "answer_prefix"
    case answerTokens = "tokens_to_generate"
  }

  public init(index: Int, input: String, outputs: [String], length: Int, answerPrefix: String? = nil) {
    self.index = index
    self.input = input
    self.outputs = outputs
    self.length = length
    self.answerPrefix = answerPrefix
  }

  /// What a model reads.
  public var prompt: String { input + (answerPrefix ?? "") }

  // MARK: Scoring

  /// The share of references in a generated answer (`string_match_all`), and whether any is there
  /// (`string_match_part`): substrings by code points, upper and lower case alike, control characters being line ends.
  public func score(_ answer: String) -> (all: Double, part: Double) {
    let text = Data(answer.lowercased().utf8.map { $0 < 32 ? 0x0A : $0 })
    let found = outputs.filter { text.range(of: Data($0.lowercased().utf8)) != nil }.count
    return (Double(found) / Double(max(1, outputs.count)), found > 0 ? 1 : 0)
  }

  // MARK: Files

  /// Writes JSON Lines, atomically.
  public static func write(_ samples: [RulerSample], to url: URL) throws {
    try writeFile(JSONLines.text(samples), to: url)
  }

  /// Reads a file; an error names the line and the field.
  public static func read(_ url: URL) throws -> [RulerSample] {
    let samples = try JSONLines.read(
      RulerSample.self, from: url, what: "a RULER sample",
      expected: "{\"index\": n, \"input\": text, \"outputs\": [texts], \"length\": tokens}")
    for (line, sample) in samples {
      func refuse(_ found: String) -> UpcycleError {
        UpcycleError("is not a usable RULER sample", at: "\(url.path):\(line)", found: found)
      }
      if sample.input.isEmpty { throw refuse("an empty input") }
      if sample.outputs.isEmpty || sample.outputs.contains(where: \.isEmpty) {
        throw refuse("no outputs, or an empty one")
      }
      if let tokens = sample.answerTokens, !(1...1 << 20).contains(tokens) {
        throw refuse("\"tokens_to_generate\": \(tokens)")
      }
    }
    if samples.isEmpty { throw UpcycleError("holds no RULER samples", at: url.path) }
    return samples.map(\.value)
  }
}
