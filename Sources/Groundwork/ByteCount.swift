import Foundation

/// Reads a number of bytes as people type it: 2GiB, 1.5GiB, 500MiB, 64KiB, 2GB, or a count
/// (64k, 4096; k, M and G are powers of ten).
public func parseBytes(_ text: String) -> Int? {
  let units: [(String, Double)] = [
    ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("TiB", 1_099_511_627_776), ("kB", 1e3), ("KB", 1e3),
    ("MB", 1e6), ("GB", 1e9), ("TB", 1e12),
  ]
  for (unit, size) in units where text.hasSuffix(unit) {
    guard let value = Double(text.dropLast(unit.count).trimmingCharacters(in: .whitespaces)), value >= 0 else {
      return nil
    }
    return Int(exactly: (value * size).rounded())
  }
  return parseCount(text)
}

/// 3221225472 -> "3.00 GiB", 5242880 -> "5.0 MiB".
public func formatBytes(_ bytes: Int) -> String {
  let value = Double(bytes)
  if value >= 1_099_511_627_776 { return String(format: "%.2f TiB", value / 1_099_511_627_776) }
  if value >= 1_073_741_824 { return String(format: "%.2f GiB", value / 1_073_741_824) }
  if value >= 1_048_576 { return String(format: "%.1f MiB", value / 1_048_576) }
  return String(format: "%.1f KiB", value / 1024)
}
