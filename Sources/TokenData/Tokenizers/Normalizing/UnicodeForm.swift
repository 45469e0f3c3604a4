import CUTF8proc

/// Unicode's normalisation forms (UAX #15). Character data come from utf8proc; ordering and composing are our own,
/// since the library sorts a run of marks in quadratic time and takes U+11A7 for a Hangul final consonant.
enum UnicodeForm: String, Sendable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  private var composes: Bool { self == .nfc || self == .nfkc }
  private var isCompatible: Bool { self == .nfkc || self == .nfkd }

  /// Scalars below this one are their own normal form and combine with nothing before them.
  private var firstUnstable: UInt32 { self == .nfc ? 0x300 : 0x80 }

  /// `text` (UTF-8) in this form, in O(n log n); nil when it is so already or is not UTF-8.
  func normalized(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    // The first byte of U+0300 and above is 0xCC or more; that of U+0080 is 0xC2.
    let suspect: UInt8 = firstUnstable == 0x300 ? 0xCC : 0x80
    guard let string = text.baseAddress, text.contains(where: { $0 >= suspect }) else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    var segment = Segment(form: self)
    var index = 0
    while index < text.count {
      let length = ScalarClassifier.sequenceLength(string, at: index, end: text.count)
      if length == 0 { return nil }
      let scalar = ScalarClassifier.value(string, at: index, length: length)
      index += length
      if startsSegment(scalar) { segment.flush(into: &out) }
      segment.append(scalar)
    }
    segment.flush(into: &out)
    return out.elementsEqual(text) ? nil : out
  }

  /// True when nothing before `scalar` can combine with it or pass it. Marks and Hangul's vowels and final
  /// consonants can; so can what a compatibility decomposition makes of other scalars.
  private func startsSegment(_ scalar: UInt32) -> Bool {
    if scalar < firstUnstable { return true }
    if 0x1160...0x11FF ~= scalar { return false }
    let property = utf8proc_get_property(Int32(scalar)).pointee
    if property.combining_class != 0 { return false }
    switch utf8proc_category_t(UInt32(property.category)) {
    case UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_MC, UTF8PROC_CATEGORY_ME: return false
    default: return !isCompatible || property.decomp_type == 0
    }
  }

  /// A scalar that starts anew and all that may combine with it.
  private struct Segment {
    let form: UnicodeForm
    private var scalars: [UInt32] = []
    private var classes: [UInt8] = []
    /// The only scalar so far, when it is its own normal form.
    private var lone: UInt32?

    init(form: UnicodeForm) { self.form = form }

    mutating func append(_ scalar: UInt32) {
      if let first = lone {
        lone = nil
        decompose(first)
      } else if scalar < form.firstUnstable, scalars.isEmpty {
        lone = scalar
        return
      }
      decompose(scalar)
    }

    private mutating func decompose(_ scalar: UInt32) {
      // The longest decomposition has 18 scalars.
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: 32) { parts in
        var boundary: Int32 = 0
        let options = UTF8PROC_DECOMPOSE.rawValue | (form.isCompatible ? UTF8PROC_COMPAT.rawValue : 0)
        let count = utf8proc_decompose_char(
          Int32(scalar), parts.baseAddress!, 32, utf8proc_option_t(options), &boundary)
        for part in count < 1 ? [Int32(scalar)][...] : Array(parts[..<count])[...] {
          scalars.append(UInt32(part))
          classes.append(UInt8(truncatingIfNeeded: utf8proc_get_property(part).pointee.combining_class))
        }
      }
    }

    mutating func flush(into out: inout [UInt8]) {
      if let scalar = lone {
        out.append(contentsOf: Character(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
        lone = nil
        return
      }
      if scalars.count > 1 {
        order()
        if form.composes { compose() }
      }
      for scalar in scalars { out.append(contentsOf: Character(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8) }
      scalars.removeAll(keepingCapacity: true)
      classes.removeAll(keepingCapacity: true)
    }

    /// Canonical ordering: every run of marks by class, equal classes as they stood.
    private mutating func order() {
      var start = 0
      while start < scalars.count {
        var end = start
        while end < scalars.count, classes[end] != 0 { end += 1 }
        if end - start > 1 {
          let keys = (start..<end).map { Int(classes[$0]) << 40 | $0 }.sorted()
          let (marks, ranks) = (scalars, classes)
          for (place, key) in keys.enumerated() {
            scalars[start + place] = marks[key & (1 << 40 - 1)]
            classes[start + place] = ranks[key & (1 << 40 - 1)]
          }
        }
        start = end + 1
      }
    }

    /// Canonical composition: each scalar joins the last starter unless one between them blocks it.
    private mutating func compose() {
      var count = 0
      var starter: Int?
      var lastClass = -1
      for index in scalars.indices {
        let (scalar, rank) = (scalars[index], classes[index])
        if let starter, lastClass < Int(rank), let joined = UnicodeForm.pair(scalars[starter], scalar) {
          scalars[starter] = joined
          continue
        }
        if rank == 0 {
          starter = count
          lastClass = -1
        } else {
          lastClass = Int(rank)
        }
        scalars[count] = scalar
        count += 1
      }
      scalars.removeSubrange(count...)
    }
  }

  /// The primary composite of two scalars.
  private static func pair(_ first: UInt32, _ second: UInt32) -> UInt32? {
    // Hangul (Unicode, section 3.12): 19 leading consonants, 21 vowels, 27 final consonants.
    if 0x1100..<0x1113 ~= first {
      return 0x1161..<0x1176 ~= second ? 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28 : nil
    }
    if 0xAC00..<0xD7A4 ~= first {
      return (first - 0xAC00) % 28 == 0 && 0x11A8..<0x11C3 ~= second ? first + second - 0x11A7 : nil
    }
    return withUnsafeTemporaryAllocation(of: Int32.self, capacity: 3) { both in
      (both[0], both[1]) = (Int32(first), Int32(second))
      let options = UTF8PROC_COMPOSE.rawValue | UTF8PROC_STABLE.rawValue
      return utf8proc_normalize_utf32(both.baseAddress!, 2, utf8proc_option_t(options)) == 1 ? UInt32(both[0]) : nil
    }
  }
}
