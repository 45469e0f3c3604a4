import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Bytes that this process may still take: the least of what the machine has free, swap included, what its control
/// group is allowed, and what is left of its address space (`ulimit -v`). `Int.max` where nothing is known.
public func availableMemory() -> Int {
  var available = Int.max
  let machine = kilobytes(of: "/proc/meminfo")
  if let free = machine["MemAvailable"] { available = min(available, free + (machine["SwapFree"] ?? 0)) }
  if let group = controlGroupMemory() { available = min(available, group) }
  var limit = rlimit()
  if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, let most = Int(exactly: limit.rlim_cur) {
    let pages = Int(text("/proc/self/statm").split(separator: " ").first ?? "") ?? 0
    available = min(available, most - pages * sysconf(Int32(_SC_PAGESIZE)))
  }
  return max(0, available)
}

/// Bytes left to the process's control group (version 2), where its limit is below everything; files in the cache can
/// go.
private func controlGroupMemory() -> Int? {
  guard let line = text("/proc/self/cgroup").split(separator: "\n").first(where: { $0.hasPrefix("0::") }) else {
    return nil
  }
  for folder in ["/sys/fs/cgroup" + line.dropFirst(3), "/sys/fs/cgroup"] {
    func number(_ name: String) -> Int? {
      Int(text("\(folder)/\(name)").trimmingCharacters(in: .whitespacesAndNewlines))
    }
    guard let most = number("memory.max"), let taken = number("memory.current") else { continue }
    let files = text("\(folder)/memory.stat").split(separator: "\n").first { $0.hasPrefix("file ") }
    return most - taken + (files.flatMap { Int($0.dropFirst(5)) } ?? 0)
  }
  return nil
}

/// "Name:  1234 kB" lines, in bytes.
private func kilobytes(of path: String) -> [Substring: Int] {
  var values: [Substring: Int] = [:]
  for line in text(path).split(separator: "\n") {
    let words = line.split(separator: " ")
    if words.count >= 2, let value = Int(words[1]) { values[words[0].dropLast()] = value * 1024 }
  }
  return values
}

private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

/// Refuses what would need more memory than there is, before any of it is taken.
/// - Parameters:
///   - bytes: what will be needed, see `cappedProduct`
///   - what: "caches of 8 sequences of 4,000 tokens"
///   - option: what the user asked it with
/// - Throws: a usage error with both numbers
public func requireMemory(_ bytes: Int, for what: String, at option: String) throws {
  let available = availableMemory()
  if bytes <= available { return }
  throw UpcycleError.usage(
    "\(what) need more memory than there is", at: option, expected: "at most \(formatBytes(available))",
    found: bytes == .max ? "more than can be counted" : formatBytes(bytes))
}

/// The product of numbers of things, or `Int.max` where it is larger: what users ask for may be absurd.
public func cappedProduct(_ factors: Int...) -> Int {
  factors.reduce(1) { product, factor in
    let (value, overflow) = product.multipliedReportingOverflow(by: factor)
    return overflow ? .max : value
  }
}

/// The greatest common divisor.
public func greatestDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestDivisor(b, a % b) }

/// The sum of numbers of things, or `Int.max` where it is larger.
public func cappedSum(_ terms: Int...) -> Int {
  terms.reduce(0) { sum, term in
    let (value, overflow) = sum.addingReportingOverflow(term)
    return overflow ? .max : value
  }
}
