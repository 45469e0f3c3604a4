/// Reads amounts of memory as people type them: 2GiB, 512MiB, 1.5G, 64k, 4096 (G, M and k are powers of ten).
public func parseBytes(_ text: String) -> Int? {
  for (unit, bytes) in [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)] where text.hasSuffix(unit) {
    guard let value = Double(text.dropLast(3)), value >= 0 else { return nil }
    return Int(exactly: (value * Double(bytes)).rounded())
  }
  return parseCount(text.hasSuffix("B") && text.count > 1 ? String(text.dropLast()) : text)
}
