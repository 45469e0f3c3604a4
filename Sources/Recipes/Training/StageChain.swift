import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

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

/// Refuses a number of windows to look for layers on that is none.
func requireWindows(_ windows: Int) throws {
  if windows > 0 { return }
  throw UpcycleError.usage("is out of range", field: "windows", expected: "1 or more", found: "\(windows)")
}

/// Refuses before the first stage what the last could not do: follow this teacher, or write there.
/// - Parameters:
///   - base: whose tokenizer the teacher must have; its vocabulary may be padded further
///   - plan: of the last stage, which alone may stand in `out`
///   - type: of the finished model's numbers
///   - force: clears what else stands there
///   - work: holds what the stages before the last leave
func checkChain(
  base: URL, teacher: URL, out: URL, plan: TrainingPlan, _ type: ElementType, force: Bool, work: URL
) throws {
  let size = try ModelConfig(contentsOf: base).vocabularySize
  let followed = try ModelConfig(contentsOf: teacher).vocabularySize
  func fingerprint(_ model: URL) throws -> String? {
    Tokenizer.isPresent(in: model) ? try Tokenizer.load(from: model).fingerprint : nil
  }
  let tokenizers = (try fingerprint(base), try fingerprint(teacher))
  if let own = tokenizers.0, let other = tokenizers.1, own != other {
    throw UpcycleError.usage(
      "has another tokenizer than the base", field: "teacher",
      expected: "the base's, of \(size) ids", found: "one of \(followed)",
      hint: "distillation compares predictions token by token")
  }
  // Models of one tokenizer may be padded to different sizes; without it nothing says that these are.
  let isPadded = followed > size && tokenizers.0 != nil && tokenizers.1 != nil
  guard followed == size || isPadded else {
    throw UpcycleError.usage(
      "has another vocabulary than the base", field: "teacher", expected: "\(size) ids",
      found: "\(followed)", hint: "distillation compares predictions token by token")
  }
  for (name, model) in [("base", base), ("teacher", teacher)] where resolvedPath(out) == resolvedPath(model) {
    throw UpcycleError.usage("is where the \(name) lies", field: "out", expected: "another folder", found: out.path)
  }
  if "\(resolvedPath(work))/".hasPrefix("\(resolvedPath(out))/") {
    throw UpcycleError.usage(
      "lies in the folder of the model", field: "work", expected: "a folder beside it", found: work.path)
  }
  try RunDirectory(out, force: force).requireRoom(for: plan, type)
  try requireWorkFolder(work, apartFrom: [out, base, teacher])
}

/// Writes what a stage begins with: a model in memory beside the tokenizer of the one that it was made of.
func writeModel(_ model: LanguageModel, madeOf base: URL, to out: URL) throws {
  let place = try outputFolder(out, keepingApartFrom: base)
  try Tokenizer.load(from: base).save(to: place.work)
  try model.save(to: place.work)
  try place.commit()
}
