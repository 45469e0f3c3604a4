import ArgumentParser
import ModelCore
import Upcycling

/// The shape of latent attention, whose defaults are the method's.
public struct LatentOptions: ParsableArguments {
  @Option(help: "Width of the key/value latent (r_kv).") public var kvRank: Int?
  /// As `QueryRank` spells it; nil: the method's.
  @Option(help: "Width of the query latent (r_q): auto (the base's number of parameters), paper, or a number.")
  public var qRank: String?
  @Option(help: "Rotated width of a head (d_r). (default: half of the head, as in the papers)") public var ropeDim: Int?
  @Option(help: "Position-free width of a head (d_qk). (default: the other half)") public var nopeDim: Int?

  public init() {}

  /// The conversion with what was given.
  public func applied(to conversion: LatentConversion) throws -> LatentConversion {
    var conversion = conversion
    if let kvRank { conversion.kvRank = kvRank }
    if let qRank { conversion.queryRank = try QueryRank(qRank) }
    if let ropeDim { conversion.ropeHeadDim = ropeDim }
    if let nopeDim { conversion.nopeHeadDim = nopeDim }
    return conversion
  }
}
