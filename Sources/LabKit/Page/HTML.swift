import Foundation
import Groundwork

/// The little HTML that the report page is put together from: text escaped, Markdown's inline marks translated.
enum HTML {
  /// Text between tags or inside a double-quoted attribute.
  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }

  /// One line of Markdown as our notes use it: `code`, **bold** and [links](to), which become text without their target
  /// when they lead out of the page.
  static func inline(_ markdown: String) -> String {
    var result = ""
    var rest = Substring(markdown)
    while let character = rest.first {
      if character == "`", let code = span(&rest, "`", "`") {
        result += "<code>\(escaped(code))</code>"
      } else if rest.hasPrefix("**"), let bold = span(&rest, "**", "**") {
        result += "<strong>\(inline(bold))</strong>"
      } else if character == "[", let link = link(&rest) {
        result += link
      } else {
        result += escaped(String(character))
        rest.removeFirst()
      }
    }
    return result
  }

  /// The text between two marks at the beginning of `rest`, which it then leaves behind; nil where the second is missing.
  private static func span(_ rest: inout Substring, _ open: String, _ close: String) -> String? {
    let inner = rest.dropFirst(open.count)
    guard let end = inner.range(of: close), end.lowerBound > inner.startIndex else { return nil }
    rest = inner[end.upperBound...]
    return String(inner[..<end.lowerBound])
  }

  private static func link(_ rest: inout Substring) -> String? {
    let inner = rest.dropFirst()
    guard let middle = inner.range(of: "]("), let end = inner[middle.upperBound...].firstIndex(of: ")") else {
      return nil
    }
    let (label, target) = (inner[..<middle.lowerBound], inner[middle.upperBound..<end])
    rest = inner[inner.index(after: end)...]
    if target.hasPrefix("http") { return "<a href=\"\(escaped(String(target)))\">\(inline(String(label)))</a>" }
    return inline(String(label))
  }

  /// A gnuplot picture to stand in the page: without its XML header, its ids made its own, with a title for readers
  /// who do not see it.
  /// - Parameters:
  ///   - id: unique in the page
  ///   - title: the picture in words
  static func inlined(svg: String, id: String, title: String) -> String {
    guard let start = svg.range(of: "<svg") else { return "" }
    var text = String(svg[start.lowerBound...])
    if let old = text.range(of: "<title>"), let end = text.range(of: "</desc>") {
      text.replaceSubrange(old.lowerBound..<end.upperBound, with: "<title>\(escaped(title))</title>")
    }
    for quote in ["'", "\""] {
      text = text.replacingOccurrences(of: "id=\(quote)", with: "id=\(quote)\(id)-")
      text = text.replacingOccurrences(of: "href=\(quote)#", with: "href=\(quote)#\(id)-")
    }
    text = text.replacingOccurrences(of: "url(#", with: "url(#\(id)-")
    return text.replacing(
      "<svg", with: "<svg role=\"img\" aria-label=\"\(escaped(title))\"", maxReplacements: 1)
  }
}
