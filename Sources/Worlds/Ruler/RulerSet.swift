import Foundation
import Groundwork
import TokenData

/// Samples of a task at a length, made from seeds and fitted with a tokenizer: input, answer prefix and the answer's
/// budget together take at most `length` tokens, and as close to it as the haystack's units allow.
///
/// As NVIDIA's generator does, the largest number of units is searched for on one sample; every other sample starts
/// there, grows once where there is room and gives up units until it fits.
public struct RulerSet: Sendable {
  /// Whose text is the haystack.
  public var world: World
  /// Sizes of the tasks' parts.
  public var scale: RulerScale
  /// Of every draw.
  public var seed: UInt64
  /// What lengths are counted with.
  public var tokenizer: Tokenizer

  public init(world: World, tokenizer: Tokenizer, scale: RulerScale = .small, seed: UInt64 = 42) {
    self.world = world
    self.tokenizer = tokenizer
    self.scale = scale
    self.seed = seed
  }

  /// `count` samples, by all cores; they do not depend on how many there are.
  /// - Parameter depth: place of the (first) needle in percent, for needle tasks; nil draws it.
  /// - Throws: a usage error naming the task's shortest length when this one is too short, and its longest when its words do
  ///   not fill this one.
  public func samples(_ task: RulerTask, length: Int, count: Int, depth: Double? = nil) throws -> [RulerSample] {
    if depth != nil && task.needles == nil {
      throw UpcycleError.usage(
        "has no needle to place", at: task.rawValue, expected: "a task niah_...", found: task.rawValue)
    }
    let first = prompt(task, length: length, index: 0, depth: depth)
    guard let estimate = largestFit(first, task, length) else { throw tooShort(task, length) }
    if estimate == first.mostUnits {
      let longest = tokens(first, task, units: estimate)
      if longest + longest / estimate < length { throw tooLong(task, length, longest) }
    }
    let made = Made(count)
    let lanes = max(1, ProcessInfo.processInfo.activeProcessorCount)
    DispatchQueue.concurrentPerform(iterations: min(lanes, max(1, count))) { lane in
      for index in stride(from: lane, to: count, by: lanes) {
        made.set(index, sample(task, length: length, index: index, depth: depth, units: estimate))
      }
    }
    return try made.values.map { sample in
      guard let sample else { throw tooShort(task, length) }
      return sample
    }
  }

  /// The shortest length that sample 0 of a task fits into.
  public func shortestLength(_ task: RulerTask) -> Int {
    var length = 64
    while length < 1 << 20 {
      let prompt = self.prompt(task, length: length, index: 0, depth: nil)
      let needed = tokens(prompt, task, units: prompt.fewestUnits)
      if needed <= length { return needed }
      length = max(length + 1, needed)
    }
    return length
  }

  // MARK: Fitting

  private func prompt(_ task: RulerTask, length: Int, index: Int, depth: Double?) -> RulerPrompt {
    let stream = RandomStream(seed: seed ^ world.seed &* 0x9e37_79b9, "ruler/\(task.rawValue)").substream(UInt64(index))
    var scribe = Scribe(world: world, random: stream, split: .evaluation)
    scribe.rulerScale = scale
    var prompt = scribe.rulerPrompt(task, length: length)
    prompt.depth = depth
    return prompt
  }

  private func tokens(_ prompt: RulerPrompt, _ task: RulerTask, units: Int) -> Int {
    tokens(prompt.input(units: units) + prompt.prefix, task)
  }

  private func tokens(_ text: String, _ task: RulerTask) -> Int {
    tokenizer.documentStart.count + tokenizer.encode(text).count + scale.answerTokens(task)
  }

  private func largestFit(_ prompt: RulerPrompt, _ task: RulerTask, _ length: Int) -> Int? {
    guard tokens(prompt, task, units: prompt.fewestUnits) <= length else { return nil }
    var low = prompt.fewestUnits
    var high = low
    while high < prompt.mostUnits, tokens(prompt, task, units: high) <= length {
      (low, high) = (high, min(prompt.mostUnits, 2 * high + 1))
    }
    if tokens(prompt, task, units: high) <= length { return high }
    while high - low > 1 {
      let middle = (low + high) / 2
      if tokens(prompt, task, units: middle) <= length { low = middle } else { high = middle }
    }
    return low
  }

  /// nil when not even the fewest units fit.
  private func sample(_ task: RulerTask, length: Int, index: Int, depth: Double?, units: Int) -> RulerSample? {
    let prompt = self.prompt(task, length: length, index: index, depth: depth)
    var units = units
    var mayGrow = true
    while true {
      let input = prompt.input(units: units)
      let size = tokens(input + prompt.prefix, task)
      // Once, as many units more as the room left takes.
      let more = Int(Double(length - size) * Double(units) / Double(size))
      if mayGrow, more > 0, units < prompt.mostUnits {
        (units, mayGrow) = (min(units + more, prompt.mostUnits), false)
        continue
      }
      if size <= length {
        return RulerSample(
          index: index, input: input, outputs: prompt.outputs, length: size, answerPrefix: prompt.prefix)
      }
      if units <= prompt.fewestUnits { return nil }
      // As many units as the excess takes at the mean size of one, but at least a step.
      let excess = Double(size - length) * Double(units) / Double(size)
      units = max(prompt.fewestUnits, units - max(prompt.step, Int(excess)))
    }
  }

  private func tooShort(_ task: RulerTask, _ length: Int) -> UpcycleError {
    .usage(
      "is too short for \(task.rawValue)", at: "length \(length)",
      expected: "at least \(shortestLength(task)) tokens with this tokenizer", found: "\(length)",
      hint: "leave the task out of `tasks`, or give longer `lengths`")
  }

  private func tooLong(_ task: RulerTask, _ length: Int, _ longest: Int) -> UpcycleError {
    .usage(
      "is too long for \(task.rawValue)", at: "length \(length)",
      expected: "at most \(longest) tokens with this tokenizer, which all of its words fill", found: "\(length)",
      hint: "leave the task out of `tasks`, or give shorter `lengths`")
  }

  /// One slot per sample; lanes write different slots, under a lock.
  private final class Made: @unchecked Sendable {  // `values` is guarded by `lock`
    private(set) var values: [RulerSample?]
    private let lock = NSLock()
    init(_ count: Int) { values = Array(repeating: nil, count: count) }
    func set(_ index: Int, _ sample: RulerSample?) {
      lock.lock()
      values[index] = sample
      lock.unlock()
    }
  }
}
