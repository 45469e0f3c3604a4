import Foundation
import Groundwork

/// The machine that a plan is counted for, devices of one kind, as it is described: `8x989T,80GB@40%`.
public struct Devices: Equatable, Sendable {
  /// How many.
  public let count: Int
  /// Of each, FLOP/s.
  public let peak: Double
  /// Of each, bytes; nil: not said.
  public let memory: Int?
  /// Share of the peak that is reached, above 0, at most 1.
  public let utilisation: Double
  /// As it was described.
  public let description: String

  /// What the papers trained on, eight MI300X (1,307.4 TFLOP/s of dense bfloat16, 192 GB), and what they reached there: the hours
  /// of X-EcoMLA's Table 14 and Zebra-Llama's Table 9 come to 20 to 25 % in distillation.
  public static let papers = Devices(
    count: 8, peak: 1307.4e12, memory: 192_000_000_000, utilisation: 0.22, description: "8x1307.4T,192GB@22%")

  /// FLOP/s of all of them together, as far as they are reached.
  public var rate: Double { Double(count) * peak * utilisation }

  /// - Parameter operations: floating-point operations, shared by all
  /// - Returns: hours
  public func hours(_ operations: Double) -> Double { operations / rate / 3600 }

  /// Whether so many bytes, shared by all, find room; what is not described has it.
  public func hold(_ bytes: Int) -> Bool { memory.map { bytes <= cappedProduct(count, $0) } ?? true }
}

extension Devices {
  /// Reads `8x989T@40%`: so many devices of so many tera- or petaflops a second (T, P), of which a share is reached;
  /// `8x989T,80GB@40%` says their memory too.
  /// - Throws: a usage error of `machine`
  public init(_ text: String) throws {
    let refusal = UpcycleError.usage(
      "is no machine", field: "machine",
      expected: "devices x peak FLOP/s (T or P), their memory if it counts, and what is reached of the peak, such as "
        + "8x989T@40% or 8x989T,80GB@40%",
      found: text)
    guard let parts = text.wholeMatch(of: /([0-9]+)x([0-9.]+)([TP])(?:,([0-9.]+[A-Za-z]+))?@([0-9.]+)%/)?.output,
      let count = Int(parts.1), (1...1_000_000).contains(count), let number = Double(parts.2), number > 0, number < 1e6,
      let percent = Double(parts.5), percent > 0, percent <= 100
    else { throw refusal }
    let memory = try parts.4.map { part -> Int in
      guard let bytes = parseBytes(String(part)), bytes > 0 else { throw refusal }
      return bytes
    }
    self.init(
      count: count, peak: number * (parts.3 == "P" ? 1e15 : 1e12), memory: memory, utilisation: percent / 100,
      description: text)
  }

  /// For people.
  var summary: String {
    let room = memory.map { String(format: " and %g GB", Double($0) / 1e9) } ?? ""
    return "\(counted(count, "device")) of \(String(format: "%g", peak / 1e12)) TFLOP/s\(room), "
      + "\(String(format: "%g", 100 * utilisation)) % of the peak reached: \(formatOperations(rate))/s"
  }
}

/// 7.94e19 -> "79.4 EFLOP", 0 -> "0".
func formatOperations(_ operations: Double) -> String {
  if operations == 0 { return "0" }
  let units = [("Z", 1e21), ("E", 1e18), ("P", 1e15), ("T", 1e12)]
  let (unit, size) = units.first { operations >= $0.1 } ?? ("G", 1e9)
  return "\(formatDecimal(operations / size, 1)) \(unit)FLOP"
}

/// 0.2 -> "12m00s", 9.64 -> "9.6 h", 78.1 -> "3.3 days".
func formatHours(_ hours: Double) -> String {
  if hours == 0 { return "0" }
  if hours < 1 { return formatDuration(3600 * hours) }
  return hours < 48 ? "\(formatDecimal(hours, 1)) h" : "\(formatDecimal(hours / 24, 1)) days"
}
