import Foundation
import Groundwork

/// A gnuplot script below `figures/`: it draws a CSV file, of which it is given a copy with tabs, reading `csv`, `ours`,
/// `output_file` and whatever settings it documents.
public struct FigureScript: Sendable {
  /// The gnuplot script.
  public let file: URL

  /// - Parameter file: the gnuplot script; it is looked at when it draws
  public init(file: URL) { self.file = file }

  /// - Throws: when gnuplot is not installed
  public func requireTools() throws { try tool("gnuplot", ["--version"], at: file) }

  /// - Parameters:
  ///   - csv: the data
  ///   - svg: the picture; it appears whole or not at all
  ///   - ours: how many rows hold numbers of ours (the script writes "not run yet" at 0)
  ///   - settings: text variables of the script, by name; `caption` stands for the script's own
  ///   - png: also write a PNG beside the SVG, at twice the size
  public func draw(csv: URL, to svg: URL, ours: Int, settings: [String: String] = [:], png: Bool = false) throws {
    let temporary = svg.deletingLastPathComponent().appendingPathComponent(".\(svg.lastPathComponent).\(getpid()).tmp")
    defer { try? FileManager.default.removeItem(at: temporary) }
    // gnuplot cuts a quoted field at its first comma: it is given tabs, and nothing to quote.
    let tabbed = temporary.appendingPathExtension("tsv")
    defer { try? FileManager.default.removeItem(at: tabbed) }
    let data = try CSV(contentsOf: csv)
    let lines = ([data.header] + data.rows).map { fields in
      fields.map { $0.map { "\t\n\r\"".contains($0) ? " " : String($0) }.joined() }.joined(separator: "\t")
    }
    try writeFile(lines.joined(separator: "\n") + "\n", to: tabbed)
    let quote = { (text: String) in "'" + text.replacingOccurrences(of: "'", with: "''") + "'" }
    var assignments = ["csv=\(quote(tabbed.path))", "ours=\(ours)", "output_file=\(quote(temporary.path))"]
    assignments += settings.sorted { $0.key < $1.key }.map { "\($0.key)=\(quote($0.value))" }
    try makeDirectory(svg.deletingLastPathComponent())
    try tool("gnuplot", ["-e", assignments.joined(separator: "; "), file.path], at: file)
    let picture = String(decoding: try readFile(temporary), as: UTF8.self)
    let script = String(decoding: try readFile(file), as: UTF8.self)
    // The same once more, as numbers. gnuplot 5.4 may end in a fault there where a plot has no points: no tooltips then.
    let table = temporary.appendingPathExtension("table")
    defer { try? FileManager.default.removeItem(at: table) }
    assignments.append("table_file=\(quote(table.path))")
    let isWritten = (try? tool("gnuplot", ["-e", assignments.joined(separator: "; "), file.path], at: file)) != nil
    let numbers = isWritten && FileManager.default.fileExists(atPath: table.path) ? try readFile(table) : Data()
    let tooltips = FigureTooltips(table: String(decoding: numbers, as: UTF8.self), script: script)
    let caption =
      settings["caption"] ?? script.firstMatch(of: /(?m)^caption = "(.*)"$/).map { String($0.output.1) } ?? ""
    try writeFile(captioned(tooltips.added(to: picture), caption), to: svg)
    if png {
      let picture = svg.deletingPathExtension().appendingPathExtension("png")
      try tool("rsvg-convert", ["--zoom", "2", "--background-color", "white", "-o", picture.path, svg.path], at: svg)
    }
  }

  /// The picture with a caption (the script's line `caption = "…"` says what is micro, simulated, emulated or at full scale)
  /// in a strip of its own below, where it covers nothing.
  private func captioned(_ svg: String, _ caption: String) -> String {
    guard !caption.isEmpty,
      let size = svg.firstMatch(of: /width="(\d+)" height="(\d+)"\n viewBox="0 0 \d+ \d+"/),
      let width = Int(size.output.1), let height = Int(size.output.2),
      let end = svg.range(of: "</svg>", options: .backwards)
    else { return svg }
    // A letter of 11 pixels is about 6 wide.
    var lines = [""]
    for word in caption.split(separator: " ") {
      if lines[lines.count - 1].count + word.count + 1 > (width - 24) / 6 { lines.append("") }
      lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "" : " ") + word
    }
    let total = height + 15 * lines.count + 10
    let texts = lines.enumerated().map { index, line in
      "<text x=\"12\" y=\"\(height + 15 * index + 13)\" font-family=\"DejaVu Sans\" font-size=\"11\" fill=\"#666666\">"
        + "\(HTML.escaped(line))</text>\n"
    }
    let strip = "<rect x=\"0\" y=\"\(height)\" width=\"\(width)\" height=\"\(total - height)\" fill=\"#ffffff\"/>\n"
    return svg[..<end.lowerBound].replacing(
      size.output.0, with: "width=\"\(width)\" height=\"\(total)\"\n viewBox=\"0 0 \(width) \(total)\"",
      maxReplacements: 1)
      + strip + texts.joined() + svg[end.lowerBound...]
  }

  /// Draws a table that is kept nowhere else, as `draw(csv:to:)`; every row holds numbers of ours.
  public func draw(_ table: CSV, to svg: URL, settings: [String: String] = [:]) throws {
    let csv = FileManager.default.temporaryDirectory.appendingPathComponent("figure-\(UUID().uuidString).csv")
    defer { try? FileManager.default.removeItem(at: csv) }
    try writeFile(table.text, to: csv)
    try draw(csv: csv, to: svg, ours: table.rows.count, settings: settings)
  }

  /// `figures/`, where scripts find style.gp: the script's own folder, or the one around a paper's.
  private var folder: URL {
    let own = file.deletingLastPathComponent()
    let style = own.appendingPathComponent("style.gp").path
    return FileManager.default.fileExists(atPath: style) ? own : own.deletingLastPathComponent()
  }

  private func tool(_ name: String, _ arguments: [String], at place: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.currentDirectoryURL = folder
    var environment = ProcessInfo.processInfo.environment
    environment["LC_ALL"] = "C.UTF-8"
    process.environment = environment
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    do { try process.run() } catch { throw UpcycleError("cannot start \(name)", hint: "run Scripts/setup.sh") }
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    if process.terminationStatus == 127 {
      throw UpcycleError("\(name) is not installed", hint: "run Scripts/setup.sh")
    }
    if process.terminationStatus != 0 {
      let lines = said.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      throw UpcycleError("\(name) failed", at: place.path, found: lines.filter { !$0.isEmpty }.joined(separator: " "))
    }
  }
}
