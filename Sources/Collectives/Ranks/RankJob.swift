import Foundation
import Groundwork
import TensorCore

/// Runs the same program on every rank: on the processes of mpirun where it started this one, otherwise on threads.
///
/// - Parameters:
///   - threads: ranks without mpirun
///   - link: what messages are slowed down to; nil: as fast as they go
///   - spelling: of the text of an error that ends the job here, for the fields that it names
/// - Throws: without mpirun, the error of the first rank that failed. With it, a failure ends the job here: one line on
///   standard error, non-zero exit on every rank.
public func runRanks(
  threads: Int, link: LinkRate? = nil, spelling: (String) -> String = { $0 },
  _ body: @escaping (any Communicator) throws -> Void
) throws {
  func linked(_ communicator: any Communicator) throws {
    try body(link.map { LinkModel(communicator, $0) } ?? communicator)
  }
  if MPIRanks.isLaunched { try MPIRanks.run(spelling: spelling, linked) } else { try ThreadRanks.run(threads, linked) }
}

/// Refuses a number of ranks that is not what was asked for, with the way to start them.
/// - Parameter command: such as "farskip train"
public func requireRanks(_ wanted: Int, _ ranks: any Communicator, field: String, command: String) throws {
  if ranks.size == wanted { return }
  if wanted < 1 {
    throw UpcycleError.usage("is out of range", field: field, expected: "1 or more ranks", found: "\(wanted)")
  }
  throw UpcycleError.usage(
    "needs \(counted(wanted, "rank"))", field: field, found: "\(ranks.size)",
    hint: "start it with mpirun -np \(wanted) \(command) ...; mpirun comes with openmpi-bin")
}

/// Gives this rank its share of the cores that the ranks of its machine have, unless the environment says how many.
public func shareCores(_ ranks: any Communicator) {
  let environment = ProcessInfo.processInfo.environment
  if environment["UPCYCLE_THREADS"] != nil { return }
  Threads.set(max(1, Threads.count / max(1, neighbours(ranks))))
}

/// Ranks of this machine.
public func neighbours(_ ranks: any Communicator) -> Int {
  ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_LOCAL_SIZE"].flatMap(Int.init) ?? ranks.size
}
