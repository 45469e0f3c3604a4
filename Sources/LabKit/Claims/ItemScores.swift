import CZstd
import Foundation
import Groundwork

/// What every item of a task came to, so that any two models that answered the same items can be compared item by item.
public struct ItemScores: Codable, Equatable, Sendable {
  /// The task's name.
  public let task: String
  /// Hash of the items; only models with the same one are paired.
  public let identity: String
  /// Whether each item was answered right.
  public let isCorrect: [Bool]
  /// The probability of the right choice among the choices, 0 to 1 in steps of 1/255; nil for generated answers.
  public let graded: [UInt8]?
  /// What was measured of each item where it is no question of right or wrong, such as the loss of a window.
  public let values: [Float]?

  /// - Parameter graded: probabilities, 0 to 1, in the order of `isCorrect`; kept in steps of 1/255
  public init(task: String, identity: String, isCorrect: [Bool], graded: [Double]?) {
    self.task = task
    self.identity = identity
    self.isCorrect = isCorrect
    self.graded = graded.map { $0.map { UInt8((255 * min(1, max(0, $0))).rounded()) } }
    values = nil
  }

  /// - Parameter values: one an item; the metric of the task's name is their mean
  public init(task: String, identity: String, values: [Double]) {
    self.task = task
    self.identity = identity
    isCorrect = values.map { _ in false }
    graded = nil
    self.values = values.map { Float($0) }
  }

  /// Which items, and how much of a metric they are.
  struct Part {
    let scores: ItemScores
    let isGraded: Bool
    let weight: Double

    /// As metrics are: in percent, or as measured.
    var values: [Double] {
      if let values = scores.values { return values.map(Double.init) }
      return isGraded ? scores.graded!.map { Double($0) / 2.55 } : scores.isCorrect.map { $0 ? 100 : 0 }
    }
  }

  /// The items behind a metric such as `scores.recall`, `scores.avg` (tasks of choice), `scores.avg_all` or
  /// `scores.graded.avg`; nil when they were not stored.
  static func parts(of metric: String, in stored: [String: [ItemScores]]) -> [Part]? {
    var names = metric.split(separator: ".").map(String.init)
    guard names.count > 1, let all = stored[names.removeFirst()] else { return nil }
    let isGraded = names.count == 2 && names[0] == "graded"
    guard names.count == 1 || isGraded else { return nil }
    let chosen =
      switch names.last! {
      case "avg": all.filter { $0.graded != nil }
      case "avg_all": all
      case let task: all.filter { $0.task == task }
      }
    if chosen.isEmpty || (isGraded && chosen.contains { $0.graded == nil }) { return nil }
    return chosen.map { Part(scores: $0, isGraded: isGraded, weight: 1 / Double(chosen.count)) }
  }
}

/// The items of one record, by the stage's name in the pipeline: `experiments/PAPER/records/items/KEY.zst`.
///
/// A zstd frame of one line of JSON (stages, tasks, identities, numbers of items) and, task by task, a bit an item
/// (right or wrong, the first item lowest) and, for tasks of choice, a byte an item (the graded score); for measured values four
/// bytes an item (a little-endian Float) instead of the bit.
struct ItemFile {
  let url: URL

  private struct Header: Codable {
    struct Task: Codable {
      var stage: String
      var task: String
      var identity: String
      var items: Int
      var isGraded: Bool
      /// nil: no.
      var isMeasured: Bool?
      var bytes: Int { isMeasured == true ? 4 * items : (items + 7) / 8 + (isGraded ? items : 0) }
    }
    var tasks: [Task]
  }

  var exists: Bool { FileManager.default.fileExists(atPath: url.path) }

  func write(_ stages: [String: [ItemScores]]) throws {
    var tasks: [Header.Task] = []
    var body = Data()
    for (stage, scores) in stages.sorted(by: { $0.key < $1.key }) {
      for score in scores {
        tasks.append(
          .init(
            stage: stage, task: score.task, identity: score.identity, items: score.isCorrect.count,
            isGraded: score.graded != nil, isMeasured: score.values.map { _ in true }))
        if let values = score.values {
          for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { body += $0 } }
          continue
        }
        var bits = [UInt8](repeating: 0, count: (score.isCorrect.count + 7) / 8)
        for (index, right) in score.isCorrect.enumerated() where right { bits[index / 8] |= 1 << UInt8(index % 8) }
        body += bits
        body += score.graded ?? []
      }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let content = try encoder.encode(Header(tasks: tasks)) + Data("\n".utf8) + body
    var frame = Data(count: ZSTD_compressBound(content.count))
    let size = frame.withUnsafeMutableBytes { frame in
      content.withUnsafeBytes { ZSTD_compress(frame.baseAddress, frame.count, $0.baseAddress, $0.count, 19) }
    }
    precondition(ZSTD_isError(size) == 0, "a frame of the size that zstd asked for")
    try writeFile(frame.prefix(size), to: url)
  }

  /// - Throws: when the file is damaged.
  func read() throws -> [String: [ItemScores]] {
    let content = try decompressed()
    guard let end = content.firstIndex(of: UInt8(ascii: "\n")),
      let header = try? JSONDecoder().decode(Header.self, from: content[..<end])
    else { throw damaged("begins with no list of tasks") }
    var rest = content[(end + 1)...]
    var stages: [String: [ItemScores]] = [:]
    for task in header.tasks {
      guard (0...content.count * 8).contains(task.items), rest.count >= task.bytes else {
        throw damaged("ends within the task \(task.task)")
      }
      if task.isMeasured == true {
        let values = [UInt8](rest.prefix(task.bytes)).withUnsafeBytes { raw in
          (0..<task.items).map {
            Double(Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))))
          }
        }
        rest = rest.dropFirst(task.bytes)
        stages[task.stage, default: []].append(
          ItemScores(task: task.task, identity: task.identity, values: values))
        continue
      }
      let bits = [UInt8](rest.prefix((task.items + 7) / 8))
      rest = rest.dropFirst(bits.count)
      let graded = task.isGraded ? [UInt8](rest.prefix(task.items)) : nil
      rest = rest.dropFirst(graded?.count ?? 0)
      stages[task.stage, default: []].append(
        ItemScores(
          task: task.task, identity: task.identity,
          isCorrect: (0..<task.items).map { bits[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }, bytes: graded))
    }
    if !rest.isEmpty { throw damaged("holds \(rest.count) bytes too many") }
    return stages
  }

  private func decompressed() throws -> Data {
    let frame = try readFile(url)
    let size = frame.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
    // A thousand models' worth; errors are huge numbers.
    guard size < 1 << 30 else { throw damaged("is no zstd frame that says its size") }
    var content = Data(count: Int(size))
    let written = content.withUnsafeMutableBytes { content in
      frame.withUnsafeBytes { ZSTD_decompress(content.baseAddress, content.count, $0.baseAddress, $0.count) }
    }
    if ZSTD_isError(written) != 0 { throw damaged(String(cString: ZSTD_getErrorName(written))) }
    return content
  }

  private func damaged(_ what: String) -> UpcycleError {
    UpcycleError("item results cannot be read: \(what)", at: url.path, hint: "restore the file, or run the cell again")
  }
}

extension ItemScores {
  fileprivate init(task: String, identity: String, isCorrect: [Bool], bytes: [UInt8]?) {
    self.task = task
    self.identity = identity
    self.isCorrect = isCorrect
    graded = bytes
    values = nil
  }
}
