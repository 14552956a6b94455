// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Steps that hold other machines: a watch, a command, or lists of steps.
extension StepMachine {
    /// What is asked of the machine inside.
    enum NestedMove {
        case handle(RunEvent)
        case resume
        case stop
    }

    /// Hands something to the machine inside; nothing when it has not come to its end.
    mutating func moveNested(_ move: NestedMove, _ context: inout RunContext) -> StepCompletion? {
        // The phase is let go of first, so that the machine is changed in place: a wide command has a thousand lanes to copy.
        switch self.phase {
        case .watching(var watch):
            self.phase = .over
            let completion = self.move(&watch, move, &context)
            self.phase = .watching(watch)
            return completion
        case .commanding(var command):
            self.phase = .over
            let completion = self.move(&command, move, &context)
            self.phase = .commanding(command)
            return self.adjusted(completion)
        case .looping(var loop):
            self.phase = .over
            let completion = self.move(&loop, move, &context)
            self.phase = .looping(loop)
            return self.adjusted(completion)
        case .branching(var parallel):
            self.phase = .over
            let completion = self.move(&parallel, move, &context)
            self.phase = .branching(parallel)
            return self.adjusted(completion)
        case .calling(var call):
            self.phase = .over
            let completion = self.move(&call, move, &context)
            self.phase = .calling(call)
            return self.adjusted(completion)
        case .guarding, .preparing, .probing, .asking, .telling, .pausing, .over: return nil
        }
    }

    private func move(
        _ watch: inout WatchMachine,
        _ move: NestedMove,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch move {
        case .handle(let event): return watch.handle(event, self, &context)
        case .resume: watch.resume(&context)
        case .stop: break
        }
        return nil
    }

    private func move(
        _ command: inout CommandMachine,
        _ move: NestedMove,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch move {
        case .handle(let event): command.handle(event, self, &context)
        case .resume: command.resume(self, &context)
        case .stop: command.stop(self, &context)
        }
    }

    private func move(
        _ loop: inout LoopMachine,
        _ move: NestedMove,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch move {
        case .handle(let event): loop.handle(event, self, &context)
        case .resume: loop.resume(self, &context)
        case .stop: loop.stop(self, &context)
        }
    }

    private func move(
        _ parallel: inout ParallelMachine,
        _ move: NestedMove,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch move {
        case .handle(let event): parallel.handle(event, self, &context)
        case .resume: parallel.resume(self, &context)
        case .stop: parallel.stop(self, &context)
        }
    }

    private func move(
        _ call: inout CallMachine,
        _ move: NestedMove,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch move {
        case .handle(let event): call.handle(event, self, &context)
        case .resume: call.resume(self, &context)
        case .stop: call.stop(self, &context)
        }
    }

    /// Says to the machine inside that the step is being stopped, before it is taken up again.
    mutating func markNestedStopping(_ context: RunContext) {
        switch self.phase {
        case .commanding(var command):
            command.markStopping()
            self.phase = .commanding(command)
        case .looping(var loop):
            loop.markStopping(context)
            self.phase = .looping(loop)
        case .branching(var parallel):
            parallel.markStopping(context)
            self.phase = .branching(parallel)
        case .calling(var call):
            call.markStopping(context)
            self.phase = .calling(call)
        case .guarding, .preparing, .probing, .watching, .asking, .telling, .pausing, .over: break
        }
    }

    // MARK: Beginning

    mutating func begin(_ action: ForEachAction, _ context: inout RunContext) -> StepCompletion? {
        guard case .list(let elements) = context.evaluate(action.elements) else {
            return StepCompletion(.refused, reason: "the elements '\(action.elements.text)' cannot be told")
        }
        var loop = LoopMachine(elements: elements)
        let completion = loop.begin(self, &context)
        self.phase = .looping(loop)
        return completion
    }

    mutating func begin(_ action: ParallelAction, _ context: inout RunContext) -> StepCompletion? {
        var parallel = ParallelMachine()
        let completion = parallel.begin(self, &context)
        self.phase = .branching(parallel)
        return completion
    }

    mutating func begin(_ action: CallAction, _ context: inout RunContext) -> StepCompletion? {
        var call = CallMachine()
        let completion = call.begin(self, &context)
        self.phase = .calling(call)
        return completion
    }
}
