import Foundation

/// The program that runs, for examples in help texts of commands that several programs offer.
let executableName = URL(fileURLWithPath: CommandLine.arguments[0]).lastPathComponent
