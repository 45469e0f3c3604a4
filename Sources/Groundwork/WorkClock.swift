import Glibc

/// Monotonic seconds, less those that the calling thread has waited for a processor: by this clock work takes as long on a
/// busy machine as on a quiet one (but for the caches and the memory that it shares). Sleep and input count. Linux tells the
/// waiting in /proc/thread-self/schedstat; where it does not, this is the ordinary clock.
public func workSeconds() -> Double { monotonicSeconds() - Double(nanosecondsWaited()) * 1e-9 }

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
