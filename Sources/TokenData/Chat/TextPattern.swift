import Foundation
import Groundwork

/// A regular expression of a task or its templates, which finds what Python's `re` finds.
public struct TextPattern: @unchecked Sendable {
  // @unchecked: compiled expressions are only read.
  private let expression: NSRegularExpression
  /// The same where a match must not be empty; for the place of a known match alone, as it looks at all that follows.
  private let nonempty: NSRegularExpression

  /// - Throws: a usage error that names the file and the pattern
  public init(_ pattern: String, _ file: String) throws {
    do {
      let own = try PatternTranslation.icu(pattern, groupsBefore: 1)
      expression = try NSRegularExpression(pattern: "()(?:\(own))")
      // Behind a match that is not empty something other than the whole rest follows.
      nonempty = try NSRegularExpression(pattern: "(?=(\(PatternTranslation.any)*))(?:\(own))(?!\\1\\z)")
    } catch {
      throw UpcycleError.usage("cannot be read as a regular expression", at: file, found: pattern)
    }
  }

  /// `re.sub(pattern, "", text)`
  public func removed(from text: String) -> String { replaced(in: text, by: [], count: 0) }

  /// `re.sub(pattern, replacement, text, count)`, of all for a count of 0; nil for a replacement that Python refuses,
  /// and where it calls a group by its name.
  func replaced(in text: String, with replacement: String, count: Int) -> String? {
    guard let pieces = Self.pieces(replacement) else { return nil }
    for case .group(let number) in pieces where number >= expression.numberOfCaptureGroups { return nil }
    return replaced(in: text, by: pieces, count: count)
  }

  private func replaced(in text: String, by pieces: [Piece], count: Int) -> String {
    let units = Array(text.utf16)
    var out: [UInt16] = []
    var end = 0
    for match in matches(in: text, units).prefix(count == 0 ? Int.max : max(0, count)) {
      out += units[end..<match.range.location]
      for piece in pieces {
        switch piece {
        case .scalar(let scalar): out += Array(String(scalar).utf16)
        case .group(let number):
          // The first group is our own.
          if let range = Range(match.range(at: number == 0 ? 0 : number + 1)) { out += units[range] }
        }
      }
      end = match.range.location + match.range.length
    }
    return String(decoding: out + units[end...], as: UTF16.self)
  }

  /// A part of a replacement: a scalar, or what a group found.
  private enum Piece { case scalar(Unicode.Scalar), group(Int) }

  private static func pieces(_ replacement: String) -> [Piece]? {
    var pieces: [Piece] = []
    var rest = replacement.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar != "\\" {
        pieces.append(.scalar(scalar))
        continue
      }
      guard let kind = rest.popFirst() else { return nil }
      switch kind {
      case "1"..."9":
        var digits = String(kind)
        if let next = rest.first, "0"..."9" ~= next {
          digits += String(next)
          rest.removeFirst()
        }
        pieces.append(.group(Int(digits) ?? .max))
      case "g":
        guard rest.popFirst() == "<", let close = rest.firstIndex(of: ">"), let number = Int(String(rest[..<close])),
          number >= 0
        else { return nil }
        pieces.append(.group(number))
        rest = rest[rest.index(after: close)...]
      case "n": pieces.append(.scalar("\n"))
      case "r": pieces.append(.scalar("\r"))
      case "t": pieces.append(.scalar("\t"))
      case "\\": pieces.append(.scalar("\\"))
      case "A"..."Z", "a"..."z", "0": return nil
      default:
        pieces.append(.scalar("\\"))
        pieces.append(.scalar(kind))
      }
    }
    return pieces
  }

  /// `re.findall(pattern, text)`: of every match the whole where there is no group, else its groups.
  public func all(in text: String) -> [[String]] {
    let units = Array(text.utf16)
    return matches(in: text, units).map { match in
      let groups = match.numberOfRanges > 2 ? Array(2..<match.numberOfRanges) : [0]
      return groups.map { group in
        guard let range = Range(match.range(at: group)) else { return "" }
        return String(decoding: units[range], as: UTF16.self)
      }
    }
  }

  private func matches(in text: String, _ units: [UInt16]) -> [NSTextCheckingResult] {
    let all = expression.matches(in: text, range: NSRange(location: 0, length: units.count))
    if !all.contains(where: { $0.range.length == 0 }) { return all }
    // As Python has it, an empty match may be followed by one of its own place that is not.
    let seesAround: NSRegularExpression.MatchingOptions = [.withTransparentBounds, .withoutAnchoringBounds]
    var found: [NSTextCheckingResult] = []
    var start = 0
    func first(_ expression: NSRegularExpression, _ options: NSRegularExpression.MatchingOptions) -> Bool {
      let range = NSRange(location: start, length: units.count - start)
      guard let match = expression.firstMatch(in: text, options: options, range: range) else { return false }
      found.append(match)
      start = match.range.location + match.range.length
      return true
    }
    while first(expression, seesAround) {
      while found.last?.range.length == 0, !first(nonempty, seesAround.union(.anchored)) {
        if start == units.count { return found }
        start += UTF16.isLeadSurrogate(units[start]) ? 2 : 1
        if !first(expression, seesAround) { return found }
      }
    }
    return found
  }
}
