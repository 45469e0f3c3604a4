import Foundation
import Glibc
import Synchronization

/// Monotonic seconds, less those that the calling thread has waited for a processor or the process was stopped (Ctrl-Z, for
/// more than two seconds): by this clock work takes as long on a busy machine as on a quiet one (but for the caches and
/// the memory that it shares). Sleep and input count. Linux tells the waiting in /proc/thread-self/schedstat; where it does
/// not, only stops are left out.
public func workSeconds() -> Double {
  let ticks = monotonicSeconds() - Double(nanosecondsWaited()) * 1e-9
  return ticks - Double(stops.nanoseconds.load(ordering: .relaxed)) * 1e-9
}

/// Notices that the process was stopped: a thread that wakes twice a second, and once did not.
private final class Stops: Sendable {
  let nanoseconds = Atomic(0)

  init() {
    Thread.detachNewThread { [self] in
      let interval = 0.5
      while true {
        let (start, waited) = (monotonicSeconds(), nanosecondsWaited())
        Thread.sleep(forTimeInterval: interval)
        let late = monotonicSeconds() - start - Double(nanosecondsWaited() - waited) * 1e-9 - interval
        if late > 2 { nanoseconds.add(Int(late * 1e9), ordering: .relaxed) }
      }
    }
  }
}
/// Watches from the first use of the clock on.
private let stops = Stops()

/// The second of the file's three numbers: nanoseconds that the thread could have run and did not.
private func nanosecondsWaited() -> UInt64 {
  let file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return 0 }
  defer { close(file) }
  var bytes = [UInt8](repeating: 0, count: 96)
  let count = read(file, &bytes, bytes.count)
  guard count > 0 else { return 0 }
  let numbers = bytes[..<count].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
  return numbers.count > 1 ? UInt64(String(decoding: numbers[1], as: UTF8.self)) ?? 0 : 0
}
