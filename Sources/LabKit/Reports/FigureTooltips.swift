import Foundation

/// The numbers that gnuplot drew, as `set table` writes them, put into the picture: every point and bar says its series and
/// its value when somebody points at it.
struct FigureTooltips {
  /// What a script draws as values: its line `tooltips = "…"`; y unless it says otherwise.
  enum Axes: String { case x, y, xy, none }

  /// One curve: its points in order, nil where it is no curve of points or bars.
  private let curves: [[(x: String, y: String)]?]
  private let axes: Axes

  /// - Parameters:
  ///   - table: the curves one after another, each with a header
  ///   - script: the gnuplot script's text
  init(table: String, script: String) {
    axes = script.firstMatch(of: /(?m)^tooltips = "(.*)"$/).flatMap { Axes(rawValue: String($0.output.1)) } ?? .y
    let untitled = table.replacingOccurrences(of: "\n# Curve title: ", with: "\n# ")
    curves = untitled.components(separatedBy: "\n# Curve ").dropFirst().map { text in
      let lines = text.split(separator: "\n")
      let shapes = ["# x y type", "# x y xlow xhigh type"]
      // A curve without points names its columns alone.
      guard lines.contains(where: { shapes.contains(String($0)) }) else { return nil }
      return lines.compactMap { line in
        let fields = line.split(separator: " ")
        guard !line.hasPrefix("#"), fields.count >= 3, fields.last == "i" else { return nil }
        return (String(fields[0]), String(fields[1]))
      }
    }
  }

  /// The picture with the tooltips, and without gnuplot's commands in the place of names. Curves whose marks cannot be
  /// told apart get none.
  func added(to svg: String) -> String {
    let head = "<g id=\"figure_plot_"
    var parts = svg.components(separatedBy: head)
    let isAligned = parts.count == curves.count + 1
    for index in parts.indices.dropFirst() {
      let name = parts[index].firstMatch(of: /^[^>]*>\s*<title>(.*?)<\/title>/).map { String($0.output.1) } ?? ""
      let isCode = name.contains("using ") || name == "NaN"
      if isCode { parts[index] = parts[index].replacing("<title>\(name)</title>", with: "", maxReplacements: 1) }
      guard isAligned, axes != .none, let points = curves[index - 1], !points.isEmpty else { continue }
      var marks = parts[index].ranges(of: /<(use|polygon) [^>]*\/>/)
      // The sample in the legend comes first.
      if marks.count == points.count + 1 { marks.removeFirst() }
      guard marks.count == points.count else { continue }
      for (range, point) in zip(marks, points).reversed() {
        let mark = parts[index][range]
        let tag = mark.hasPrefix("<use") ? "use" : "polygon"
        let value = axes == .x ? point.x : axes == .y ? point.y : "\(point.x), \(point.y)"
        let text = isCode || name.isEmpty ? value : "\(name): \(value)"
        parts[index].replaceSubrange(range, with: "\(mark.dropLast(2))><title>\(text)</title></\(tag)>")
      }
    }
    return parts.joined(separator: head)
  }
}
