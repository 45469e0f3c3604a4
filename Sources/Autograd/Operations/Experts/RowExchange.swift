import TensorCore

/// Rows that go away and others that come back for them, such as a dispatch to the experts of other ranks: the forward
/// pass sends rows x and gets rows y, the backward pass sends d loss / d y and gets d loss / d x.
public protocol RowExchange: AnyObject {
  /// Starts the way there; `rows` stay in place until `arrived`.
  func depart(_ rows: Tensor)
  /// Waits for what has come instead of the rows that left.
  func arrived() -> Tensor
  /// The same for gradients, the way back.
  func departBack(_ gradient: Tensor)
  /// Waits for the gradient of the rows that left, d loss / d x.
  func arrivedBack() -> Tensor
}

extension Tape {
  /// An exchange that is under way; see `arrive`.
  public struct Departure {
    fileprivate let exchange: any RowExchange
    fileprivate let node: Variable
  }

  /// Starts an exchange of x [rows, width]. In the backward pass this node waits for the gradient of x, which
  /// `arrive`'s node sends for: what is recorded between the two (or has a section between theirs) runs in the
  /// meantime, both ways.
  public func depart(_ x: Variable, _ exchange: any RowExchange) -> Departure {
    exchange.depart(x.value)
    let node = record(x.value, inputs: [x]) { _ in self.accumulate(exchange.arrivedBack(), into: x) }
    return Departure(exchange: exchange, node: node)
  }

  /// What an exchange brings, [other rows, width].
  public func arrive(_ departure: Departure) -> Variable {
    record(departure.exchange.arrived(), inputs: [departure.node]) { gradient in
      departure.exchange.departBack(gradient)
      // Only a sign that the gradient is under way.
      self.accumulate(gradient, into: departure.node)
    }
  }
}
