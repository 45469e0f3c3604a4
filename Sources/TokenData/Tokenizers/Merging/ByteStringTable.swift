/// Byte strings numbered 0, 1, 2, … in order of insertion, with lookup by content: an arena, the offsets
/// into it and an open-addressing index. Costs about 12 bytes a string besides its text.
struct ByteStringTable: Sendable {
  private var arena: [UInt8] = []
  private var offsets: [UInt32] = [0]
  /// Number + 1 of the string in each slot, 0 for an empty slot; the count is a power of two.
  private var slots: [UInt32]
  private var indexed = 0

  /// - Parameter capacity: strings expected; the table grows beyond it by itself.
  init(capacity: Int = 16) {
    slots = [UInt32](repeating: 0, count: Self.slotCount(capacity))
  }

  var count: Int { offsets.count - 1 }
  var byteCount: Int { arena.count }

  /// Adds a string under the next number. `findable: false` leaves it out of the lookup, as a string that
  /// is already present always is.
  @discardableResult
  mutating func append(_ text: UnsafeRawBufferPointer, findable: Bool = true) -> Int {
    let number = count
    if findable, find(text) == nil { insert(number, hash: Self.hash(text)) }
    arena.append(contentsOf: text)
    offsets.append(UInt32(arena.count))
    return number
  }

  @discardableResult
  mutating func append(_ text: [UInt8], findable: Bool = true) -> Int {
    text.withUnsafeBytes { append($0, findable: findable) }
  }

  func find(_ text: UnsafeRawBufferPointer) -> Int? {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: Self.hash(text)) & mask
    while true {
      let number = Int(slots[slot]) - 1
      if number < 0 { return nil }
      let start = Int(offsets[number])
      if Int(offsets[number + 1]) - start == text.count, equal(text, at: start) { return number }
      slot = (slot + 1) & mask
    }
  }

  func find(_ text: [UInt8]) -> Int? { text.withUnsafeBytes { find($0) } }

  subscript(number: Int) -> ArraySlice<UInt8> { arena[Int(offsets[number])..<Int(offsets[number + 1])] }

  func length(_ number: Int) -> Int { Int(offsets[number + 1] - offsets[number]) }

  mutating func removeAll() {
    arena.removeAll(keepingCapacity: true)
    offsets.removeAll(keepingCapacity: true)
    offsets.append(0)
    for slot in slots.indices { slots[slot] = 0 }
    indexed = 0
  }

  // MARK: The index

  private func equal(_ text: UnsafeRawBufferPointer, at start: Int) -> Bool {
    arena.withUnsafeBytes { bytes in
      for index in 0..<text.count where bytes[start + index] != text[index] { return false }
      return true
    }
  }

  private mutating func insert(_ number: Int, hash: UInt64) {
    if (indexed + 1) * 2 > slots.count { grow() }
    place(number, hash: hash)
    indexed += 1
  }

  private mutating func place(_ number: Int, hash: UInt64) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(number + 1)
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt32](repeating: 0, count: old.count * 2)
    for entry in old where entry != 0 {
      let number = Int(entry) - 1
      let hash = self[number].withUnsafeBytes { Self.hash($0) }
      place(number, hash: hash)
    }
  }

  private static func slotCount(_ capacity: Int) -> Int {
    var slots = 32
    while slots < 2 * capacity { slots *= 2 }
    return slots
  }

  /// Eight bytes at a time, multiply and fold.
  @inline(__always)
  static func hash(_ text: UnsafeRawBufferPointer) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: text.count) &* 0x9e37_79b9_7f4a_7c15
    var index = 0
    while index + 8 <= text.count {
      hash = (hash ^ text.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* 0xff51_afd7_ed55_8ccd
      hash ^= hash >> 32
      index += 8
    }
    var tail: UInt64 = 0
    while index < text.count {
      tail = tail << 8 | UInt64(text[index])
      index += 1
    }
    hash = (hash ^ tail) &* 0xc4ce_b9fe_1a85_ec53
    return hash ^ (hash >> 29)
  }
}
