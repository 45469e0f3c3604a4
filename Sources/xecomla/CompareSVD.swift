import ArgumentParser
import Commands
import Foundation
import Groundwork
import TensorCore

/// `xecomla compare-svd`: why the conversion factorises by the Gram matrix.
struct CompareSVD: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare-svd",
    abstract: "Time and error of the ways to a truncated SVD, on one thread, against LAPACK's gesdd.",
    discussion: """
      Example:
        xecomla compare-svd --shapes 2048x2048:880,1024x2048:512
      """)

  @Option(help: "ROWSxCOLUMNS:RANK, comma separated.")
  var shapes = "256x256:64,1024x2048:128,1024x2048:512,2048x2048:880,2048x2048:1440,4096x2048:512"
  @Flag(help: "One JSON object per line.") var json = false

  func run() {
    runReportingErrors {
      let shapes = try self.shapes.split(separator: ",", omittingEmptySubsequences: false).map(Self.parse)
      if !json { try printResult("shape        rank  spectrum  method          seconds  from gesdd's  above the best") }
      for shape in shapes {
        for spectrum in SVDComparison.Spectrum.allCases {
          for row in try SVDComparison.run(
            rows: shape.rows, columns: shape.columns, rank: shape.rank, spectrum: spectrum)
          {
            try printResult(json ? jsonText(row) : Self.line(row))
          }
        }
      }
    }
  }

  private static func line(_ row: SVDComparison) -> String {
    let words = [
      "\(row.rows)x\(row.columns)".leftAligned(12), "\(row.rank)".leftAligned(5), row.spectrum.leftAligned(9),
      row.method.leftAligned(15),
    ]
    return words.joined(separator: " ")
      + String(format: " %7.3f  %12.1e  %14.1e", row.seconds, row.error, row.excess)
  }

  private static func parse(_ text: Substring) throws -> (rows: Int, columns: Int, rank: Int) {
    let numbers = text.split(whereSeparator: { $0 == "x" || $0 == ":" }).map { Int($0) ?? 0 }
    guard numbers.count == 3, numbers.allSatisfy({ (1...16_384).contains($0) }),
      numbers[2] <= min(numbers[0], numbers[1])
    else {
      throw UpcycleError.usage(
        "bad shape", at: "--shapes", expected: "ROWSxCOLUMNS:RANK with rank at most both", found: String(text))
    }
    return (numbers[0], numbers[1], numbers[2])
  }
}
