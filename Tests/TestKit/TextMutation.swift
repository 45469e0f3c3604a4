import Foundation
import Groundwork

/// Damage to text files that knows their structure: numbers become absurd ones, keys go, come twice or change places,
/// values change their type, lists nest without end, bytes stop being UTF-8.
public enum TextMutation {
  private static let numbers = [
    "0", "-1", "1", "2147483647", "2147483648", "4294967296", "9223372036854775807", "-9223372036854775808",
    "9223372036854775808", "1e308", "1e309", "-1e309", "1e-400", "0.1", "NaN", "Infinity", "99999999999999999999999",
  ]
  private static let values = [
    "null", "true", "[]", "{}", "\"\"", "\"x\"", "[[]]", "{\"a\":1}", "\"\\ud800\"", "\"\\u0000\"",
  ]

  /// One to three changes.
  public static func of(_ text: String, _ random: inout RandomStream) -> Data {
    var bytes = Array(text.utf8)
    for _ in 0...random.next(below: 3) where !bytes.isEmpty { change(&bytes, &random) }
    return Data(bytes)
  }

  private static func change(_ bytes: inout [UInt8], _ random: inout RandomStream) {
    switch random.next(below: 10) {
    case 0, 1, 2: replace(numbers, of: isNumber, &bytes, &random)
    case 3: replace(values, of: isNumber, &bytes, &random)
    case 4: replace(values + numbers, of: { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\n") }, &bytes, &random)
    case 5:
      // A line or an element twice, or one less.
      let separator = random.chance(0.5) ? UInt8(ascii: ",") : UInt8(ascii: "\n")
      var parts = bytes.split(separator: separator, omittingEmptySubsequences: false).map(Array.init)
      let part = random.next(below: parts.count)
      if random.chance(0.5) {
        parts.insert(parts[part], at: random.next(below: parts.count))
      } else {
        parts.remove(at: part)
      }
      bytes = Array(parts.joined(separator: [separator]))
    case 6:
      // A limit of depth shows at 600, a stack without one at 30,000, which would otherwise take most of the time.
      let depth = random.chance(0.05) ? 30_000 : random.pick([3, 60, 600])
      let open = random.pick(["[", "{\"a\":", "("])
      bytes.insert(contentsOf: repeatElement(open.utf8, count: depth).joined(), at: random.next(below: bytes.count))
    case 7: bytes[random.next(below: bytes.count)] = UInt8(random.next(below: 256))
    case 8:
      let at = random.next(below: bytes.count)
      if random.chance(0.3) { bytes.removeSubrange(at...) } else { bytes.remove(at: at) }
    default:
      let (from, at) = (random.next(below: bytes.count), random.next(below: bytes.count))
      bytes.insert(contentsOf: Array(bytes[from..<min(bytes.count, from + 1 + random.next(below: 40))]), at: at)
    }
  }

  private static func isNumber(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
  }

  /// Puts one of `texts` in the place of a run of bytes of a kind.
  private static func replace(
    _ texts: [String], of kind: (UInt8) -> Bool, _ bytes: inout [UInt8], _ random: inout RandomStream
  ) {
    let start = random.next(below: bytes.count)
    guard let first = bytes[start...].firstIndex(where: kind) else { return }
    let end = bytes[first...].firstIndex { !kind($0) } ?? bytes.count
    bytes.replaceSubrange(first..<min(end, first + 20), with: random.pick(texts).utf8)
  }
}
