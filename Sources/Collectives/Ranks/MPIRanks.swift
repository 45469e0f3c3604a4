import COpenMPI
import Foundation
import Groundwork

/// Ranks that are processes which `mpirun` of Open MPI has started.
public final class MPIRanks: Communicator {
  public let rank: Int
  public let size: Int
  public let transport = "mpi"
  /// Open MPI is entered by one thread at a time.
  fileprivate let lock = NSLock()
  private var channels: [UnsafeMutableRawPointer] = []
  private var rowTypes: [Int: UnsafeMutableRawPointer] = [:]

  /// Whether mpirun has started this process.
  public static var isLaunched: Bool { getenv("OMPI_COMM_WORLD_SIZE") != nil }

  /// Runs `body` on this process's rank, then ends MPI; does not return where something fails. An error that all ranks
  /// share is told by the first of them. Any other is told by the rank that threw it, and ends all ranks.
  /// - Parameter spelling: of an error's text, for the fields that it names
  public static func run(
    spelling: (String) -> String = { $0 }, _ body: (any Communicator) throws -> Void
  ) throws {
    let ranks = try MPIRanks()
    do { try body(ranks) } catch let agreed as AgreedError {
      if ranks.rank == 0 { _ = tellError(agreed.error, spelling: spelling) }
      _ = up_mpi_finalize()
      exit(agreed.error.exitCode)
    } catch is ClosedPipe { up_mpi_abort(141) } catch {
      let known = error as? UpcycleError
      printNote("error: rank \(ranks.rank): " + spelling(known?.description ?? error.localizedDescription))
      up_mpi_abort(known?.exitCode ?? 1)
    }
    _ = up_mpi_finalize()
  }

  private init() throws {
    if let reason = up_mpi_load() {
      throw UpcycleError(
        "Open MPI's library cannot be loaded", found: String(cString: reason), hint: "apt-get install openmpi-bin")
    }
    var (rank, size): (Int32, Int32) = (0, 0)
    let code = up_mpi_init(&rank, &size)
    if code != 0 { throw UpcycleError("Open MPI does not start", found: "error \(code)") }
    (self.rank, self.size) = (Int(rank), Int(size))
    for _ in 0..<Channel.count {
      guard let channel = up_mpi_channel() else { throw UpcycleError("Open MPI cannot make a communicator") }
      channels.append(channel)
    }
  }

  /// - Throws: failures for rows of more bytes than Int32 holds, and of Open MPI
  public func start(_ exchange: AllToAll, on channel: Channel) throws -> any Request {
    precondition(exchange.sendRows.count == size && exchange.receiveRows.count == size)
    return try lock.withLock {
      try MPIRequest(exchange, channels[channel.index], try rowType(exchange.rowBytes), of: self)
    }
  }

  private func rowType(_ bytes: Int) throws -> UnsafeMutableRawPointer {
    if let type = rowTypes[bytes] { return type }
    guard let size = Int32(exactly: bytes), let type = up_mpi_row_type(size) else {
      throw UpcycleError("Open MPI takes no rows of this length", found: "\(bytes) bytes")
    }
    rowTypes[bytes] = type
    return type
  }
}

private final class MPIRequest: Request {
  private let ranks: MPIRanks
  private var handle: UnsafeMutableRawPointer?
  /// Rows and starts, to and from: [4, size].
  private let layout: UnsafeMutablePointer<Int32>

  init(_ exchange: AllToAll, _ channel: UnsafeMutableRawPointer, _ type: UnsafeMutableRawPointer, of ranks: MPIRanks)
    throws
  {
    self.ranks = ranks
    let size = ranks.size
    layout = .allocate(capacity: 4 * size)
    let columns = [
      exchange.sendRows, offsets(exchange.sendRows).dropLast(), exchange.receiveRows,
      offsets(exchange.receiveRows).dropLast(),
    ]
    for (column, values) in columns.enumerated() {
      for (index, value) in values.enumerated() {
        guard let small = Int32(exactly: value) else {
          throw UpcycleError("too many rows for one message", found: "\(value)")
        }
        layout[column * size + index] = small
      }
    }
    var code: Int32 = 0
    handle = up_mpi_start_all_to_all(
      channel, type, exchange.send, layout, layout + size, exchange.receive, layout + 2 * size, layout + 3 * size, &code
    )
    if handle == nil { throw UpcycleError("Open MPI refuses an all-to-all", found: "error \(code)") }
  }

  deinit { layout.deallocate() }

  func test() throws -> Bool {
    if handle == nil { return true }
    let done = ranks.lock.withLock { up_mpi_test(&handle) }
    if done < 0 { throw UpcycleError("a message failed in Open MPI", found: "error \(-1 - done)") }
    if done > 0 { handle = nil }
    return done > 0
  }
}
