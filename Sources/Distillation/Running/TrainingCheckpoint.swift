import Autograd
import Foundation
import Groundwork
import ModelCore
import Synchronization
import TensorCore

/// The state of a run between two steps: parameters and both moments in float32 (of ranks that share them out: the
/// rank's share), the step, and the digest of the loss curve so far. Batches and random draws are functions of the step, so this is all that a bit-exact resume needs.
///
/// One file under a name that holds the step (`state-120.safetensors`), and the one before it: a new one is complete
/// before the last good one goes, so kill -9 at any moment leaves a whole state, and a damaged one leaves its
/// predecessor. Each carries the SHA-256 of every tensor and of all else that it says; one that does not fit its
/// digests, or its name, is never used.
public enum TrainingCheckpoint {
  private static let tensors = ["parameters", "moment1", "moment2"]

  /// Writes a state beside the one that the run last wrote or went on from; others go.
  /// - Parameters:
  ///   - last: the step of that state; nil: there is none
  ///   - curve: digest of the loss curve up to `step` (see `MetricsFile`)
  public static func write(
    _ folder: URL, step: Int, after last: Int?, curve: String, _ model: LanguageModel, _ optimizer: AdamW
  ) throws {
    try makeDirectory(folder)
    for old in states(folder) where old.step != last { try? FileManager.default.removeItem(at: old.url) }
    let count = optimizer.share.count
    let values = pointers(model, optimizer).map { UnsafeBufferPointer(start: $0, count: count) }
    var metadata = ["step": String(step), "curve": curve]
    for (name, digest) in zip(tensors, digests(values.map { UnsafeRawBufferPointer($0) })) {
      metadata["sha256_\(name)"] = digest
    }
    metadata["sha256"] = digest(metadata)
    let writer = try SafetensorsWriter(
      url(folder, step), tensors: tensors.map { TensorSpec($0, [count]) }, type: .float32, metadata: metadata)
    for (name, numbers) in zip(tensors, values) { try writer.write(name, numbers) }
    try writer.commit()
  }

  /// Where the tensors of a state lie in memory.
  private static func pointers(_ model: LanguageModel, _ optimizer: AdamW) -> [UnsafeMutablePointer<Float>] {
    [
      model.parameters.values.pointer + optimizer.share.lowerBound, optimizer.first.pointer, optimizer.second.pointer,
    ]
  }

  /// Of each buffer, side by side on the threads that there are.
  private static func digests(_ buffers: [UnsafeRawBufferPointer]) -> [String] {
    struct Job: @unchecked Sendable { var buffers: [UnsafeRawBufferPointer] }  // read only
    let job = Job(buffers: buffers)
    let results = Mutex([Int: String]())
    Threads.parallel(buffers.count) { index in
      let digest = sha256(job.buffers[index])
      results.withLock { $0[index] = digest }
    }
    return results.withLock { found in buffers.indices.map { found[$0]! } }
  }

  /// Of everything that a state says beside its numbers.
  private static func digest(_ metadata: [String: String]) -> String {
    sha256(metadata.filter { $0.key != "sha256" }.sorted { $0.key < $1.key }.map { "\($0)=\($1)\n" }.joined())
  }

  /// States that stand the test of their digests, and what is wrong with the others.
  public struct Found {
    /// Steps of good states, the newest first.
    public var good: [Int] = []
    /// One line for each that is not.
    public var damaged: [String] = []
  }

  /// Examines the states that are there, from the newest on, reading every byte.
  public static func examine(_ folder: URL) -> Found {
    var found = Found()
    for state in states(folder).sorted(by: { $0.step > $1.step }) {
      do {
        try check(try SafetensorsFile(state.url), step: state.step)
        found.good.append(state.step)
      } catch {
        var failure = error as? UpcycleError
        // How to get another state is said where it is known whether one is there.
        failure?.hint = nil
        found.damaged.append(failure.map { "\($0)" } ?? "\(error)")
      }
    }
    return found
  }

  private static func check(_ file: SafetensorsFile, step: Int) throws {
    func damaged(_ what: String, expected: String, found: String) -> UpcycleError {
      UpcycleError("damaged: \(what)", at: file.url.path, expected: expected, found: found)
    }
    let metadata = file.metadata
    guard let stored = metadata["sha256"] else {
      throw damaged("the state carries no digest", expected: "sha256 in its metadata", found: "nothing")
    }
    guard stored == digest(metadata) else {
      throw damaged(
        "its metadata is not what was written", expected: "sha256 \(stored.prefix(16))…",
        found: "\(digest(metadata).prefix(16))…")
    }
    guard metadata["step"] == String(step) else {
      throw damaged("the file is another step's state", expected: "step \(step)", found: metadata["step"] ?? "none")
    }
    let found = tensors.compactMap { file.info($0) }
    guard found.count == tensors.count else {
      throw damaged("a tensor is missing", expected: tensors.joined(separator: ", "), found: "\(found.count) of them")
    }
    let digests = digests(found.map { file.bytes($0) })
    for (name, digest) in zip(tensors, digests) {
      guard digest == metadata["sha256_\(name)"] else {
        throw damaged(
          "\(name) is not what was written", expected: "sha256 \((metadata["sha256_\(name)"] ?? "none").prefix(16))…",
          found: "\(digest.prefix(16))…")
      }
    }
  }

  /// Loads the state of a step, which `examine` found good, into model and optimizer.
  /// - Returns: the digest of the loss curve up to that step
  @discardableResult
  public static func load(_ folder: URL, step: Int, into model: LanguageModel, _ optimizer: AdamW) throws -> String {
    let url = Self.url(folder, step)
    let file = try SafetensorsFile(url)
    let count = optimizer.share.count
    for name in tensors where file.info(name)?.shape != [count] {
      throw UpcycleError(
        "checkpoint does not fit the model", at: "\(url.path): \(name)", expected: "[\(count)]",
        found: file.info(name).map { "\($0.shape)" } ?? "nothing")
    }
    for (name, values) in zip(tensors, pointers(model, optimizer)) { try file.readFloats(name, into: values) }
    optimizer.step = step
    return file.metadata["curve"] ?? ""
  }

  /// Names damaged states.
  /// - Parameter step: what the run goes on from
  /// - Throws: where that is nothing because states are damaged
  public static func tell(_ damaged: [String], goingOnFrom step: Int?) throws {
    if step == nil, let first = damaged.first {
      throw UpcycleError(first, hint: "there is no good state; delete it, and the same command begins anew")
    }
    for line in damaged { printNote("warning: \(line); going on from step \(step ?? 0)") }
  }

  /// The newest state's file.
  static func newest(_ folder: URL) -> URL? { states(folder).max { $0.step < $1.step }?.url }

  /// A file among the states that is none by its name; nil: there is none.
  static func strangeName(in folder: URL) -> String? {
    let known = states(folder).map(\.url.lastPathComponent)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().first { !$0.hasPrefix(".") && !known.contains($0) }
  }

  private static func url(_ folder: URL, _ step: Int) -> URL {
    folder.appendingPathComponent("state-\(step).safetensors")
  }

  private static func states(_ folder: URL) -> [(step: Int, url: URL)] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else { return [] }
    return names.compactMap { name in
      guard name.hasPrefix("state-"), name.hasSuffix(".safetensors") else { return nil }
      let number = name.dropFirst(6).dropLast(12)
      guard number.allSatisfy(\.isASCII), number.allSatisfy(\.isNumber), let step = Int(number), String(step) == number
      else { return nil }
      return (step, folder.appendingPathComponent(name))
    }
  }
}
