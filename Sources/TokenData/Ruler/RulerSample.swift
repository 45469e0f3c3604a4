import Foundation
import Groundwork

/// One prompt of RULER with its references, a line of a JSON Lines file in NVIDIA's fields: `index`, `input`,
/// `outputs`, `length` (tokens of input and answer prefix and the answer's budget), `answer_prefix` (put after the
/// input; may be absent).
public struct RulerSample: Codable, Equatable, Sendable {
  public var index: Int
  public var input: String
  public var outputs: [String]
  public var length: Int
  public var answerPrefix: String?

  enum CodingKeys: String, CodingKey {
    case index, input, outputs, length
    case answerPrefix = "answer_prefix"
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

  /// The share of references in a generated answer (`match_all`), and whether any is there (`match_part`): substrings,
  /// upper and lower case alike, control characters being line ends.
  public func score(_ answer: String) -> (all: Double, part: Double) {
    let text = String(answer.map { $0.isASCII && $0.asciiValue! < 32 ? "\n" : $0 }).lowercased()
    let found = outputs.filter { text.contains($0.lowercased()) }.count
    return (Double(found) / Double(max(1, outputs.count)), found > 0 ? 1 : 0)
  }

  // MARK: Files

  public static func write(_ samples: [RulerSample], to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var data = Data()
    for sample in samples {
      data.append(try encoder.encode(sample))
      data.append(0x0a)
    }
    try writeFile(data, to: url)
  }

  /// Reads a file; an error names the line and the field.
  public static func read(_ url: URL) throws -> [RulerSample] {
    let decoder = JSONDecoder()
    var samples: [RulerSample] = []
    for (number, line) in try readFile(url).split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
      func refuse(_ reason: String) -> UpcycleError {
        UpcycleError(
          "is not a RULER sample", at: "\(url.path):\(number + 1)",
          expected: "{\"index\": n, \"input\": text, \"outputs\": [texts], \"length\": tokens}", found: reason)
      }
      let sample: RulerSample
      do { sample = try decoder.decode(RulerSample.self, from: Data(line)) } catch let error as DecodingError {
        throw refuse(error.plainReason)
      }
      if sample.input.isEmpty { throw refuse("an empty input") }
      if sample.outputs.isEmpty || sample.outputs.contains(where: \.isEmpty) {
        throw refuse("no outputs, or an empty one")
      }
      samples.append(sample)
    }
    if samples.isEmpty { throw UpcycleError("holds no RULER samples", at: url.path) }
    return samples
  }
}
