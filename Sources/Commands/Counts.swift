import Groundwork

/// A count as people type it, such as 4M or 64k.
/// - Parameters:
///   - option: the flag that an error names
///   - noun: what is counted, in the plural
///   - least: the smallest that makes sense
public func parsedCount(
  _ text: String, _ option: String, of noun: String = "tokens", such example: String = "4M", atLeast least: Int = 0
) throws -> Int {
  guard let count = parseCount(text), count >= least else {
    throw UpcycleError.usage(
      "is not a number of \(noun)", at: option,
      expected: (least > 0 ? "\(formatCount(least)) or more, " : "") + "such as \(example)", found: text)
  }
  return count
}

/// Counts as people type them, 512,1k,2k.
/// - Parameter option: the flag that an error names
public func parsedCounts(_ text: String, _ option: String) throws -> [Int] {
  try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
    guard let number = parseCount(String(part)), number > 0 else {
      throw UpcycleError.usage(
        "is not a number", at: option, expected: "one above 0, or a list such as 1k,4k,16k", found: "\"\(part)\"")
    }
    return number
  }
}

/// An amount of memory as people type it, such as 2GiB.
/// - Parameter option: the flag that an error names
public func parsedBytes(_ text: String, _ option: String) throws -> Int {
  guard let bytes = parseBytes(text), bytes > 0 else {
    throw UpcycleError.usage("is not a number of bytes", at: option, expected: "such as 2GiB or 512MiB", found: text)
  }
  return bytes
}

/// Parts of a whole as people type them for `--shares`, such as 20,10,70.
/// - Parameter such: as many as are wanted, for errors
public func parsedShares(_ text: String, such example: String) throws -> [Double] {
  let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
  guard parts.count == example.split(separator: ",").count, parts.allSatisfy({ $0 != nil }) else {
    throw UpcycleError.usage("is no such list of numbers", at: "--shares", expected: "such as \(example)", found: text)
  }
  return parts.compactMap { $0 }
}

/// A share as people type it, such as 15.6%.
/// - Parameter option: the flag that an error names
/// - Returns: percent, above 0
public func parsedPercent(_ text: String, _ option: String, such example: String) throws -> Double {
  guard text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent.isFinite else {
    let hint =
      Double(text).map {
        $0 <= 0 ? nil : $0 < 1 ? "write \(text)% or \(String(format: "%g", 100 * $0))%" : "write \(text)%"
      } ?? nil
    throw UpcycleError.usage("is not a share", at: option, expected: "such as \(example)", found: text, hint: hint)
  }
  return percent
}
