import Foundation
import Groundwork
import XCTest

/// Fuzz tests: mutants of good files, each refused in one clear line or read as something whole; never a trap, and
/// memory in proportion to the file.
public enum Fuzz {
  private static func number(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }
  private static let asked = number("UPCYCLE_FUZZ_COUNT")
  private static let seed = UInt64(number("UPCYCLE_FUZZ_SEED") ?? 1)

  /// Reads mutants of a kind: `UPCYCLE_FUZZ_COUNT` of them, else 5,000, a hundred thousand of all kinds; `UPCYCLE_FUZZ_SEED` says which.
  /// - Parameters:
  ///   - kind: what they are; it names their random numbers too
  ///   - part: only every so many, for kinds that cost much more than others
  ///   - memory: bytes by which the process may grow
  ///   - place: what every error begins with
  ///   - read: makes the mutant of a round and reads it; throws where it is refused
  public static func run(
    _ kind: String, part: Int = 1, memory: Int = 64 << 20, place: String = "",
    read: (_ round: Int, _ random: inout RandomStream) throws -> Void
  ) {
    var random = RandomStream(seed: seed, "fuzz \(kind)")
    let count = max(1, (asked ?? 5000) / part)
    let start = Date()
    var (refused, unclear) = (0, 0)
    restartPeakMemory()
    let before = peakMemory()
    for round in 0..<count where unclear < 20 {
      do { try read(round, &random) } catch {
        refused += 1
        if !isClear(error, place) { unclear += 1 }
      }
    }
    XCTAssertLessThan(peakMemory() - before, memory, kind)
    if asked != nil {
      let seconds = Date().timeIntervalSince(start)
      print("fuzz: \(kind): \(count) mutants, \(refused) refused, \(String(format: "%.1f", seconds)) s")
    }
  }

  /// An error of ours, on one line that can be read at a glance.
  @discardableResult
  public static func isClear(_ error: any Error, _ place: String = "") -> Bool {
    let text = "\(error)"
    let isOneLine = !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    let isClear = error is UpcycleError && isOneLine && text.utf8.count < 5000 && text.utf8.starts(with: place.utf8)
    if !isClear { XCTFail("not one clear line of \(text.utf8.count) bytes: \(text.prefix(2000).debugDescription)") }
    return isClear
  }
}

/// A folder in memory where the system has such a place: the disk would cost more than everything else.
public func memoryFolder() throws -> URL {
  let url = URL(fileURLWithPath: "/dev/shm/upcycle-\(UUID().uuidString)")
  return (try? makeDirectory(url)) == nil ? try temporaryFolder() : url
}

/// Peak of this process's resident memory since the last `restartPeakMemory`, in bytes.
public func peakMemory() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
}

/// Peak counts from what is held now.
public func restartPeakMemory() { try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8) }
