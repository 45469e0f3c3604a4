import Autograd
import TensorCore

/// The experts of one layer: a router, routed experts, and shared experts that every token goes to.
///
///   z = u W_r^T;  (g, choice) = route(z)
///   r = sum over a token's K experts, in slot order, of g E_e(u), or of E_e(g u) (Llama-4);   s = Shared(u)
///   E_e(u) = (silu(u W_gate^T) * (u W_up^T)) W_down^T
///
/// Rows are sorted by expert and multiplied without padding; a token's r depends on its own u alone, bit for bit,
/// whatever tokens stand beside it. No token is ever dropped.
///
/// Legend: T tokens, D model width, E experts, K experts of a token, F expert width.
public struct MixtureOfExperts {
  /// Counts, widths and the rule.
  public let experts: ExpertConfig
  /// [E, D]
  public let router: Parameter
  /// [E], moved by the load of the experts alone (`RoutingControl.updateBias`); nil for none.
  public let correctionBias: Parameter?
  /// [D -> 2 F] and [F -> D]
  public let gateUp: ExpertMatrices
  /// [F -> D] of every expert.
  public let down: ExpertMatrices
  /// Nil: none.
  public let shared: FeedForward?
  let layer: Int
  let control: RoutingControl

  init(_ experts: ExpertConfig, layer: Int, weights: LayerWeights, control: RoutingControl) throws {
    self.experts = experts
    self.layer = layer
    self.control = control
    router = try weights[.router]
    correctionBias = try weights.ifPresent(.correctionBias)
    correctionBias?.isTrainable = false
    if experts.isStacked {
      gateUp = .stacked(try weights[.stackedGateUp])
      down = .stacked(try weights[.stackedDown])
    } else {
      var (pairs, downs): ([[Parameter]], [[Parameter]]) = ([], [])
      for expert in 0..<experts.count {
        pairs.append([try weights[.expert(expert, .gate)], try weights[.expert(expert, .up)]])
        downs.append([try weights[.expert(expert, .down)]])
      }
      (gateUp, down) = (.separate(pairs), .separate(downs))
    }
    shared = experts.sharedWidth == 0 ? nil : try FeedForward(weights, TensorRole.sharedExpert)
    control.add(layer: layer, bias: correctionBias, experts: experts.count)
  }

  /// A token's experts and their weights [..., K].
  public struct Routing {
    /// [..., K], with a gradient.
    public var weights: Variable
    /// Which experts, and the rows sorted by them.
    public var choice: ExpertChoice
  }

  /// G: the router on u [..., D].
  public func route(_ tape: Tape, _ u: Variable) -> Routing {
    if control.isForced {
      let even = Tensor(u.shape.dropLast() + [experts.perToken])
      even.fill(1 / Float(experts.perToken))
      return Routing(
        weights: tape.constant(even),
        choice: ExpertChoice(evenly: u.rowCount, slots: experts.perToken, experts: experts.count))
    }
    let logits = tape.groupedLinear(u, .separate([[router]]), starts: [0, u.rowCount])
    let (weights, choice, balance) = tape.route(
      logits, experts.rule, slots: experts.perToken, bias: correctionBias?.value,
      balanceWeight: tape.isRecording ? control.balanceWeight : 0, held: control.held(layer))
    if tape.isRecording { control.note(layer: layer, choice, balance: balance) }
    return Routing(weights: weights, choice: choice)
  }

  /// The rows that experts get, [T K, D], sorted by expert.
  public func dispatched(_ tape: Tape, _ u: Variable, _ routing: Routing) -> Variable {
    tape.dispatch(u, routing.choice, weights: experts.weighsInput ? routing.weights : nil)
  }

  /// E: every expert on its rows, `starts` [E + 1]: [rows, D] -> [rows, D].
  public func applyExperts(_ tape: Tape, _ rows: Variable, starts: [Int]) -> Variable {
    tape.expertFeedForward(rows, gateUp: gateUp, down: down, starts: starts)
  }

  /// r: a token's rows, weighed and summed in slot order.
  public func combined(_ tape: Tape, _ rows: Variable, _ routing: Routing, leading: [Int]) -> Variable {
    tape.combine(rows, routing.choice, weights: experts.weighsInput ? nil : routing.weights, leading: leading)
  }

  /// r of u [..., D], on one rank.
  func routed(_ tape: Tape, _ u: Variable) -> Variable {
    let routing = route(tape, u)
    let rows = applyExperts(tape, dispatched(tape, u, routing), starts: routing.choice.starts)
    return combined(tape, rows, routing, leading: Array(u.shape.dropLast()))
  }
}
