import Foundation
import Groundwork

/// A regular expression of a task, which finds what Python's `re` finds.
struct TextPattern: @unchecked Sendable {
  // @unchecked: compiled expressions are only read.
  private let expression: NSRegularExpression
  /// The same where a match must not be empty; for the place of a known match alone, as it looks at all that follows.
  private let nonempty: NSRegularExpression

  init(_ pattern: String, _ file: String) throws {
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
  func removed(from text: String) -> String {
    let units = Array(text.utf16)
    var kept: [UInt16] = []
    var end = 0
    for match in matches(in: text, units) {
      kept += units[end..<match.range.location]
      end = match.range.location + match.range.length
    }
    return String(decoding: kept + units[end...], as: UTF16.self)
  }

  /// `re.findall(pattern, text)`: of every match the whole where there is no group, else its groups.
  func all(in text: String) -> [[String]] {
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
