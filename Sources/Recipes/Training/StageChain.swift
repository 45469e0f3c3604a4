import Foundation
import Groundwork
import ModelCore
import TokenData

/// Tokens of the stages of one budget, in the order of their shares.
/// - Parameters:
///   - shares: positive; only their ratios count
///   - skipped: first stages that there are not, whose shares fall to the others
///   - such: shares that would do, for errors
/// - Returns: of all stages; 0 of those that are skipped
/// - Throws: usage errors for shares that are no such numbers, and for a stage without a step
func tokensOfStages(
  _ tokens: Int, shares: [Double], count: Int, skipped: Int = 0, such: String, batch: Int, time: Int
) throws -> [Int] {
  guard shares.count == count, shares.allSatisfy({ $0 > 0 }), shares.reduce(0, +).isFinite else {
    throw UpcycleError.usage(
      "are not those of \(count) stages", field: "shares", expected: "\(count) positive numbers, such as \(such)",
      found: shares.map { "\($0)" }.joined(separator: ","))
  }
  let used = shares.dropFirst(skipped)
  let whole = used.reduce(0, +)
  let counts = used.map { Int(min(Double(tokens) * $0 / whole, 1e18)) }
  let step = cappedProduct(batch, time)
  if let least = counts.min(), batch > 0, time > 0, least < step {
    let needed = (Double(step) * whole / used.min()!).rounded(.up)
    throw UpcycleError.usage(
      "leave a stage without a step", field: "tokens",
      expected: "at least \(formatCount(Int(min(needed, 1e15)))) for steps of \(batch) x \(time)",
      found: formatCount(tokens))
  }
  return [Int](repeating: 0, count: skipped) + counts
}

/// Refuses what a last stage could not do, and a work folder that is a model's own.
/// - Parameters:
///   - base: whose vocabulary the teacher must have, perhaps padded further
///   - work: holds what the stages before the last leave
func checkChain(base: URL, teacher: URL, out: URL, work: URL) throws {
  let size = try ModelConfig(contentsOf: base).vocabularySize
  let followed = try ModelConfig(contentsOf: teacher).vocabularySize
  // Models of one tokenizer may be padded to different sizes; without it nothing says that these are.
  func fingerprint(_ model: URL) throws -> String? {
    Tokenizer.isPresent(in: model) ? try Tokenizer.load(from: model).fingerprint : nil
  }
  let isPadded = try followed > size && fingerprint(teacher).map { try $0 == fingerprint(base) } ?? false
  guard followed == size || isPadded else {
    throw UpcycleError.usage(
      "has another vocabulary than the base", field: "teacher", expected: "at least \(size) ids", found: "\(followed)")
  }
  try requireWorkFolder(work, apartFrom: [out, base, teacher])
}
