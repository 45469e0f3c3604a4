import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData

/// A frozen teacher's final hidden states on every micro-batch of a plan, run once and kept on disk (HyLo issue, item
/// 4): later trainings on the same batches hold the teacher's head and nothing else of it.
///
/// The folder has `states.json`, which says whose states they are and of which batches, and files `states-00000.zst`,
/// seekable zstd with one frame per micro-batch: [microBatch * time, width] numbers split into planes of equal bytes,
/// which compress better than whole numbers. float32 gives the same bits as the running teacher, bfloat16 half the
/// size and states rounded to 8 bits. A longer training on the same batches adds to them, a shorter one takes the first.
public final class TeacherCache: Teacher {
  /// How numbers of the states are kept.
  public enum NumberType: String, Codable, CaseIterable, Sendable {
    /// The running teacher's own bits.
    case float32
    /// Half the size; states are rounded to 8 bits.
    case bfloat16
    var size: Int { self == .float32 ? 4 : 2 }
  }

  /// What the states depend on; a cache serves a run of exactly this and no other.
  public struct Identity: Codable, Equatable, Sendable {
    /// Hash of the teacher's weights and config.
    public var teacher: String
    /// What the batches are made of, as a run's identity says it.
    public var data: String
    /// Of the order of the data.
    public var seed: UInt64
    /// Sequences per step.
    public var batch: Int
    /// Sequences per forward pass.
    public var microBatch: Int
    /// Tokens per sequence.
    public var time: Int
    /// Of the hidden states.
    public var width: Int
    /// How the states are kept.
    public var type: NumberType
    /// That computed them: part of the bits.
    public var threads: Int
    /// That computed them, ours and the library's. Others' states differ in their last bits, which is said and not refused
    /// (`otherKernels`). nil: kept before this was noted.
    public var kernels: String?

    /// - Parameters:
    ///   - teacher: hash of its weights and config
    ///   - data: as `RunIdentity` says it
    ///   - width: of the hidden states
    public init(teacher: String, data: String, plan: TrainingPlan, width: Int, type: NumberType) {
      self.teacher = teacher
      self.data = data
      seed = plan.seed
      batch = plan.batch
      microBatch = plan.microBatch
      time = plan.time
      self.width = width
      self.type = type
      threads = Threads.count
      kernels = "\(kernelsDescription()), \(blasDescription())"
    }

    var frameNumbers: Int { microBatch * time * width }
    /// About 64 MiB of states a file.
    var framesPerFile: Int { max(1, (1 << 26) / (frameNumbers * type.size)) }

    /// Frames of every file that a training of so many optimizer steps reads.
    func frames(steps: Int) -> [Int] {
      let all = steps * (batch / microBatch)
      return stride(from: 0, to: all, by: framesPerFile).map { min(framesPerFile, all - $0) }
    }

    /// Bytes that the states of so many steps take at most.
    public func bytes(steps: Int) -> Int { cappedProduct(steps, batch, time, cappedProduct(width, type.size)) }
  }

  /// What the states depend on.
  public let identity: Identity
  private let head: Tensor  // [vocab, width]
  private let cap: Float
  private let files: [FrameFile]
  private let scratch: BytePlanes

  /// Opens a cache that is complete for so many steps.
  /// - Parameter head: the teacher's head, [vocab, width].
  /// - Throws: when the folder holds no cache, an unfinished one, or one of another teacher or other batches.
  public init(_ folder: URL, identity: Identity, steps: Int, head: Tensor, cap: Float = 0) throws {
    guard try Self.holds(folder, identity) else { throw UpcycleError("holds no teacher states", at: folder.path) }
    precondition(head.width == identity.width)
    self.identity = identity
    self.head = head
    self.cap = cap
    files = try identity.frames(steps: steps).enumerated().map { number, frames in
      let file = try FrameFile(Self.file(folder, number))
      if file.frameCount >= frames { return file }
      throw UpcycleError(
        "holds too few micro-batches", at: file.url.path, expected: "\(frames)", found: "\(file.frameCount)")
    }
    scratch = BytePlanes(count: identity.frameNumbers, type: identity.type)
  }

  /// Rows of the head.
  public var vocabularySize: Int { head.shape[0] }
  /// Bytes on disk.
  public var storedBytes: Int { files.reduce(0) { $0 + $1.storedBytes } }

  /// The kept states of a micro-batch. `ids` are not looked at: the identity says which they are.
  public func teaching(step: Int, part: Int, ids: [Int32], batch: Int, time: Int) throws -> TeacherHead {
    precondition(batch == identity.microBatch && time == identity.time)
    let states = Tensor([batch * time, identity.width])
    let (file, number) = place(step: step, part: part)
    try file.read(number, into: scratch.bytes)
    scratch.join(into: states.pointer)
    return TeacherHead(hidden: states, weight: head, cap: cap)
  }

  /// Where a micro-batch's states are kept.
  private func place(step: Int, part: Int) -> (file: FrameFile, frame: Int) {
    let frame = step * (identity.batch / identity.microBatch) + part
    let (file, number) = frame.quotientAndRemainder(dividingBy: identity.framesPerFile)
    return (files[file], number)
  }

  /// The file with the states of a micro-batch.
  public func file(step: Int, part: Int) -> URL { place(step: step, part: part).file.url }

  // MARK: Recording

  /// Whether the folder holds every file for so many steps. What the frames hold is checked as they are read.
  public static func isComplete(_ folder: URL, _ identity: Identity, steps: Int) throws -> Bool {
    try holds(folder, identity)
      && identity.frames(steps: steps).enumerated().allSatisfy { isComplete(file(folder, $0), frames: $1) }
  }

  private static func isComplete(_ file: URL, frames: Int) -> Bool {
    ((try? FrameFile(file))?.frameCount ?? 0) >= frames
  }

  /// What kernels made the states in the folder, where they are others than those of here: float32 does not give the same
  /// bits then.
  public static func otherKernels(_ folder: URL, _ identity: Identity) -> String? {
    let found = try? decodeJSON(Identity.self, contentsOf: manifest(folder)).kernels
    return found.flatMap { $0 == identity.kernels ? nil : $0 }
  }

  /// Runs the teacher over the first batches of a plan and writes its states, beside the files that are complete.
  /// - Parameters:
  ///   - steps: of the training.
  ///   - report: steps done.
  ///   - waiting: told once, where another process records into the folder.
  ///   - shouldStop: asked after every step; true throws, and the same call goes on later.
  public static func record(
    _ teacher: LanguageModel, batches: any BatchSource, identity: Identity, steps: Int, in folder: URL,
    report: (Int) -> Void = { _ in }, waiting: (URL) -> Void = noteWaiting, shouldStop: () -> Bool = { false }
  ) throws {
    try makeDirectory(folder)
    // Two processes would write, and clear away, each other's files.
    let lock = try FileLock(waitingFor: folder.appendingPathComponent("lock")) { waiting(folder) }
    defer { withExtendedLifetime(lock) {} }
    if try !holds(folder, identity) {
      try writeFile(jsonText(identity, pretty: true), to: manifest(folder))
    }
    removeLeftovers(folder)
    let perStep = identity.batch / identity.microBatch
    let planes = BytePlanes(count: identity.frameNumbers, type: identity.type)
    let tokens = identity.microBatch * identity.time
    for (number, frames) in identity.frames(steps: steps).enumerated() {
      if isComplete(file(folder, number), frames: frames) { continue }
      let writer = try FrameFileWriter(file(folder, number))
      let first = number * identity.framesPerFile
      var batch: (step: Int, ids: [Int32])?
      for frame in first..<first + frames {
        let (step, part) = frame.quotientAndRemainder(dividingBy: perStep)
        if batch?.step != step { batch = (step, try batches.batch(step: step).ids) }
        let states = teacher.teaching(
          step: step, part: part, ids: Array(batch!.ids[part * tokens..<(part + 1) * tokens]),
          batch: identity.microBatch,
          time: identity.time)
        planes.split(states.hidden.pointer)
        try writer.append(UnsafeRawBufferPointer(planes.bytes))
        if part == perStep - 1 { report(step + 1) }
        if shouldStop() {
          throw UpcycleError(
            "interrupted while the teacher's states are written; the same command goes on", at: folder.path,
            kind: .interrupted)
        }
      }
      try writer.commit()
    }
  }

  /// Says whom the recording waits for.
  public static func noteWaiting(_ folder: URL) {
    printNote("note: \(folder.path): another process records these teacher states; waiting for it")
  }

  /// Removes what a killed process was writing.
  private static func removeLeftovers(_ folder: URL) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    where name.hasPrefix(".states-") && name.hasSuffix(".tmp") {
      try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    }
  }

  private static func manifest(_ folder: URL) -> URL { folder.appendingPathComponent("states.json") }
  private static func file(_ folder: URL, _ number: Int) -> URL {
    folder.appendingPathComponent(String(format: "states-%05d.zst", number))
  }

  /// Whether states of this identity stand here, complete or not; throws when they are others.
  private static func holds(_ folder: URL, _ identity: Identity) throws -> Bool {
    guard FileManager.default.fileExists(atPath: manifest(folder).path) else { return false }
    var found = try? decodeJSON(Identity.self, contentsOf: manifest(folder))
    found?.kernels = identity.kernels
    if found != identity {
      throw UpcycleError.usage(
        "holds a teacher's states of something else", at: folder.path,
        expected: "the same teacher, data, batches, seed, number type and threads",
        found: found.map { $0.differences(identity) },
        hint: "choose another folder for the states, or delete this one")
    }
    return true
  }
}

extension TeacherCache.Identity {
  /// The first thing in which another identity differs.
  fileprivate func differences(_ wanted: Self) -> String {
    if teacher != wanted.teacher { return "teacher \(teacher)" }
    if data != wanted.data { return "data \(data)" }
    if type != wanted.type { return type.rawValue }
    if threads != wanted.threads { return "\(threads) threads" }
    return "steps of \(batch) x \(time) tokens (\(microBatch) at a time), seed \(seed), width \(width)"
  }
}

/// Numbers as planes of their first, second, ... bytes: sign and exponent together, which repeat.
final class BytePlanes {
  let bytes: UnsafeMutableRawBufferPointer
  private let count: Int
  private let type: TeacherCache.NumberType

  init(count: Int, type: TeacherCache.NumberType) {
    self.count = count
    self.type = type
    bytes = .allocate(byteCount: count * type.size, alignment: 64)
  }

  deinit { bytes.deallocate() }

  /// Fills the planes from float32 numbers.
  func split(_ values: UnsafePointer<Float>) {
    let out = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let n = count
    switch type {
    case .float32:
      for i in 0..<n {
        let bits = values[i].bitPattern
        out[i] = UInt8(truncatingIfNeeded: bits)
        out[n + i] = UInt8(truncatingIfNeeded: bits >> 8)
        out[2 * n + i] = UInt8(truncatingIfNeeded: bits >> 16)
        out[3 * n + i] = UInt8(truncatingIfNeeded: bits >> 24)
      }
    case .bfloat16:
      for i in 0..<n {
        let bits = BFloat16.encode(values[i])
        out[i] = UInt8(truncatingIfNeeded: bits)
        out[n + i] = UInt8(truncatingIfNeeded: bits >> 8)
      }
    }
  }

  /// Writes the numbers of the planes as float32.
  func join(into values: UnsafeMutablePointer<Float>) {
    let source = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let n = count
    switch type {
    case .float32:
      for i in 0..<n {
        values[i] = Float(
          bitPattern: UInt32(source[i]) | UInt32(source[n + i]) << 8 | UInt32(source[2 * n + i]) << 16
            | UInt32(source[3 * n + i]) << 24)
      }
    case .bfloat16:
      for i in 0..<n { values[i] = BFloat16.decode(UInt16(source[i]) | UInt16(source[n + i]) << 8) }
    }
  }
}
