import Autograd
import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// Teachers' hidden states that all trainings of a checkout share, a folder for each teacher, text and order of it
/// (`TeacherCache.Identity`): whoever comes first runs the teacher over all batches, the others read what it said. A
/// training's bits are those that the teacher beside it gives; where states cannot be kept, it runs there.
///
/// Bounded: what was used longest ago makes room. Processes may share a folder: one records states, under a lock, while
/// others that want the same ones run the teacher themselves; files are read open, so that removing them hurts nobody.
public struct SharedTeacherStates: Sendable {
  /// Where the folders are.
  public var folder: URL
  /// Bytes that all of them may take; 0: nothing is kept.
  public var budget: Int
  /// Whether states that are not there are recorded, which pays where another training will read them.
  public var records = true

  /// Of a checkout, in bytes, unless UPCYCLE_TEACHER_STATES says otherwise.
  public static let defaultBudget = 4 << 30
  private static let budgetVariable = "UPCYCLE_TEACHER_STATES"

  public init(_ folder: URL, budget: Int) {
    self.folder = folder
    self.budget = budget
  }

  /// As many bytes as UPCYCLE_TEACHER_STATES says.
  /// - Throws: a usage error where it says something else
  public init(_ folder: URL) throws {
    let text = ProcessInfo.processInfo.environment[Self.budgetVariable]
    guard let budget = text.map(parseBytes) ?? Self.defaultBudget else {
      throw UpcycleError.usage(
        "not a number of bytes", at: Self.budgetVariable, expected: "such as 4GiB, or 0 to keep nothing",
        found: text ?? "")
    }
    self.init(folder, budget: budget)
  }

  /// The teacher of a training: its states where they are kept, recorded first by whoever comes first, or the model.
  /// - Parameter report: steps of the recording that are done.
  func open(
    teacher: URL, data: String, plan: TrainingPlan, batches: any BatchSource, report: (Int) -> Void,
    shouldStop: () -> Bool
  ) throws -> any Teacher {
    let model = try LanguageModel(folder: teacher)
    if budget == 0 { return model }
    let identity = try TeacherStates(folder).identity(teacher: teacher, data: data, plan: plan)
    // Machines of several kinds may share the folder: the identity says whose kernels.
    let own = folder.appendingPathComponent(String(try sha256(jsonText(identity)).prefix(16)))
    func kept() throws -> TeacherCache? {
      guard try TeacherCache.isComplete(own, identity, steps: plan.steps) else { return nil }
      return try TeacherCache(
        own, identity: identity, steps: plan.steps, head: model.head.value.copy(), cap: model.logitCap)
    }
    do {
      // Bits are promised: states that another build of the kernels made are not the teacher's.
      if let cache = try? kept(), try agrees(cache, with: model, batches) {
        touch(own)
        return KeptTeacher(cache, teacher)
      }
      if !records { return model }
      try makeDirectory(folder)
      guard let lock = try FileLock(ifFree: lockFile(own)) else {
        printNote("note: another process records these teacher states; here the teacher runs beside the student")
        return model
      }
      defer { withExtendedLifetime(lock) {} }
      if let cache = try? kept(), try !agrees(cache, with: model, batches) {
        printNote("note: \(own.path): states of another build, recorded anew")
        try FileManager.default.removeItem(at: own)
      }
      if let reason = try makeRoom(identity.bytes(steps: plan.steps), for: own) {
        printNote("note: \(reason); the teacher runs beside the student")
        return model
      }
      try TeacherCache.record(
        model, batches: batches, identity: identity, steps: plan.steps, in: own, report: report, shouldStop: shouldStop)
      try? FileManager.default.removeItem(at: Self.reserved(own))
      guard let cache = try kept() else { return model }
      return KeptTeacher(cache, teacher)
    } catch let failure as UpcycleError where failure.kind != .interrupted {
      printNote("note: teacher states cannot be kept (\(failure)); the teacher runs beside the student")
      return model
    }
  }

  /// Whether the states of the first micro-batch are those that the model makes now.
  private func agrees(_ cache: TeacherCache, with model: LanguageModel, _ batches: any BatchSource) throws -> Bool {
    let (batch, time) = (cache.identity.microBatch, cache.identity.time)
    let ids = Array(try batches.batch(step: 0).ids.prefix(batch * time))
    guard let kept = try? cache.teaching(step: 0, part: 0, ids: ids, batch: batch, time: time).hidden else {
      return true  // damaged: `KeptTeacher` says so
    }
    let now = model.teaching(step: 0, part: 0, ids: ids, batch: batch, time: time).hidden
    return memcmp(kept.pointer, now.pointer, now.count * MemoryLayout<Float>.stride) == 0
  }

  // MARK: Room

  private func lockFile(_ own: URL) -> URL { own.appendingPathExtension("lock") }
  private static func reserved(_ own: URL) -> URL { own.appendingPathComponent("reserved.json") }

  /// Notes the use of states.
  private func touch(_ own: URL) {
    try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: own.path)
  }

  /// Makes room for states of so many bytes, which count from now on.
  /// - Returns: why there is none; nil: there is
  private func makeRoom(_ bytes: Int, for own: URL) throws -> String? {
    let lock = try FileLock(waitingFor: folder.appendingPathComponent("room.lock"))
    defer { withExtendedLifetime(lock) {} }
    var others: [(folder: URL, used: Date, bytes: Int)] = []
    for other in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    where other.pathExtension.isEmpty && other.lastPathComponent != own.lastPathComponent {
      let used = try FileManager.default.attributesOfItem(atPath: other.path)[.modificationDate] as? Date
      others.append((other, used ?? .distantPast, Self.bytes(of: other)))
    }
    var room = budget - others.reduce(0) { $0 + $1.bytes }
    if bytes <= budget {
      for other in others.sorted(by: { $0.used < $1.used }) where room < bytes {
        guard let lock = try FileLock(ifFree: lockFile(other.folder)) else { continue }
        try FileManager.default.removeItem(at: other.folder)
        room += other.bytes
        withExtendedLifetime(lock) {}
      }
    }
    if room < bytes {
      return "teacher states of \(formatBytes(bytes)) do not fit \(formatBytes(budget)) "
        + "(\(Self.budgetVariable); \(formatBytes(budget - room)) in use)"
    }
    var disk = statvfs()
    if statvfs(folder.path, &disk) == 0, Int(disk.f_bavail) * Int(disk.f_frsize) < bytes + bytes / 8 {
      return "teacher states of \(formatBytes(bytes)) do not fit the disk"
    }
    try makeDirectory(own)
    try writeFile(JSONValue.object(["bytes": .int(bytes)]).text() + "\n", to: Self.reserved(own))
    return nil
  }

  /// What was reserved for states, or what they take.
  private static func bytes(of states: URL) -> Int {
    if let reserved = (try? JSONValue(contentsOf: reserved(states)))?["bytes"]?.int { return reserved }
    let files = (try? FileManager.default.contentsOfDirectory(atPath: states.path)) ?? []
    return files.reduce(0) { sum, name in
      let attributes = try? FileManager.default.attributesOfItem(atPath: states.appendingPathComponent(name).path)
      return sum + ((attributes?[.size] as? Int) ?? 0)
    }
  }
}

extension StageContext {
  /// Where the stages of all experiments keep teachers' states; nil: nowhere. Recorded are those of a teacher that
  /// another stage of the sweep waits for.
  func sharedTeacherStates() throws -> SharedTeacherStates? {
    guard let shared else { return nil }
    var states = try SharedTeacherStates(shared.appendingPathComponent("teacher-states"))
    states.records = isAwaited("teacher")
    return states
  }
}

/// A teacher that is read from its kept states. Damaged ones are named and removed, so that the next training records
/// them anew; here the model, loaded then, says what they said.
private final class KeptTeacher: Teacher {
  private let cache: TeacherCache
  private let folder: URL
  private var model: LanguageModel?
  private var damaged: Set<URL> = []

  init(_ cache: TeacherCache, _ folder: URL) {
    self.cache = cache
    self.folder = folder
  }

  var vocabularySize: Int { cache.vocabularySize }

  func teaching(step: Int, part: Int, ids: [Int32], batch: Int, time: Int) throws -> TeacherHead {
    do { return try cache.teaching(step: step, part: part, ids: ids, batch: batch, time: time) } catch {
      let file = cache.file(step: step, part: part)
      if damaged.insert(file).inserted {
        printNote("note: \(error); computed again, and recorded by the next training that needs it")
        try? FileManager.default.removeItem(at: file)
      }
      let model = try self.model ?? LanguageModel(folder: folder)
      self.model = model
      return model.teaching(step: step, part: part, ids: ids, batch: batch, time: time)
    }
  }
}
