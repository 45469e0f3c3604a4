import Foundation
import Groundwork

/// The files below `experiments` that programs need wherever they run: `Data` links to them, and the package compiles
/// them in. A number that a paper prints is written down there once.
enum PublishedData {
  /// X-EcoMLA: KV sizes, query ranks and totals, and single numbers.
  static let kv = PublishedTable(PackageResources.xecomla_kv_csv, "xecomla/published/kv.csv")
  static let parameters = PublishedTable(PackageResources.xecomla_parameters_csv, "xecomla/published/parameters.csv")
  static let facts = PublishedTable(PackageResources.xecomla_facts_csv, "xecomla/published/facts.csv")
  /// HyLo: its models, the sizes of one layer, and what the announcement says.
  static let hyloModels = PublishedTable(PackageResources.hylo_models_csv, "hylo/published/table7.csv")
  static let hyloLayers = PublishedTable(PackageResources.hylo_layers_csv, "hylo/published/table8.csv")
  static let hyloReductions = PublishedTable(PackageResources.hylo_reductions_csv, "hylo/published/reductions.csv")
}

/// One table, row by row. It is part of the program: what does not fit is a mistake in the repository, not the user's.
struct PublishedTable: Sendable {
  private let csv: CSV
  private let file: String

  init(_ bytes: [UInt8], _ file: String) {
    self.file = "experiments/\(file)"
    do { csv = try CSV(parsing: Data(bytes), file: self.file) } catch { preconditionFailure("\(error)") }
  }

  /// A row's fields by column.
  struct Row {
    fileprivate let fields: [String: String]
    fileprivate let file: String

    /// The field, nil where it is empty.
    subscript(column: String) -> String? {
      guard let field = fields[column] else { preconditionFailure("\(file) has no column \(column)") }
      return field.isEmpty ? nil : field
    }

    /// A whole number, nil where the field is empty.
    func int(_ column: String) -> Int? {
      self[column].map { text in
        guard let number = Int(text) else { preconditionFailure("\(file): \(column) is no whole number: \(text)") }
        return number
      }
    }

    /// The preset of the row's `model`, whose name is the published one in small letters.
    var preset: String { (self["model"] ?? "").lowercased() }
  }

  var rows: [Row] {
    csv.rows.map { Row(fields: Dictionary(uniqueKeysWithValues: zip(csv.header, $0)), file: file) }
  }
}
