import ArgumentParser
import Distillation
import Upcycling

// Enumerations of libraries that commands of several executables take as options.
extension IntermediatePlan.Loss: ExpressibleByArgument {}
extension IntermediatePlan.Trained: ExpressibleByArgument {}
extension LatentConversion.Rope: ExpressibleByArgument {}
extension MixerStart: ExpressibleByArgument {}
extension DeltaConversion.Start: ExpressibleByArgument {}
