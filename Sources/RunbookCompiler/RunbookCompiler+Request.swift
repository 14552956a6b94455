// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

extension RunbookCompiler {
    /// The methods of HTTP that may be used, and whether each only reads by what HTTP promises.
    private static let methods = [
        "GET": true, "HEAD": true, "POST": false, "PUT": false, "PATCH": false, "DELETE": false,
    ]

    mutating func request(_ syntax: RequestSyntax, _ step: StepSyntax, _ scope: RegionScope) -> PlanAction? {
        let method = syntax.method?.value ?? "GET"
        if let written = syntax.method, Self.methods[method] == nil {
            let known = Self.methods.keys.sorted()
            self.report(.unknownWord(method, for: "method", at: written.span, known: known))
        }
        let reads = Self.methods[method] ?? false
        if !reads, syntax.effect == nil, Self.methods[method] != nil {
            self.report(.missingEffect(at: step.verbSpan))
        }
        let effect = syntax.effect?.value ?? (reads ? .reads : .changes)
        let verify = step.verify.flatMap { self.verify($0, scope) }
        if let verify, let given = step.verify, !verify.probe.needsNoTargets {
            self.report(.verifyWithoutTargets(at: given.span))
        }
        let headers = syntax.headers.compactMap { header -> NamedTemplate? in
            self.checkHeaderName(header.name)
            return self.sentTemplate(header.value, in: scope.types).map {
                NamedTemplate(name: header.name.value, value: $0)
            }
        }
        let body = syntax.body.flatMap { self.sentTemplate($0, in: scope.types) }
        let repeating = self.repeating(syntax, effect)
        guard let url = syntax.url.flatMap({ self.template($0, in: scope.types) }) else {
            return nil
        }
        self.checkAddress(url, syntax)
        return .request(
            RequestAction(
                method: method,
                url: url,
                headers: headers,
                body: body,
                effect: effect,
                expected: syntax.expected.isEmpty ? [200...299] : syntax.expected,
                repeating: repeating,
                timeout: step.timeout?.value ?? .seconds(30),
                verify: verify
            )
        )
    }

    /// A request leaves no receipt, so it is repeated only where its author knows that it may be.
    private mutating func repeating(_ syntax: RequestSyntax, _ effect: EffectClass) -> RepeatPolicy {
        let hasKey = syntax.idempotencyKey?.value ?? false
        guard let written = syntax.repeating else {
            return hasKey ? .guarded : effect.changesTheWorld ? .never : .safe
        }
        if written.value == .guarded {
            self.report(.guardedRequest(at: written.span))
        } else if hasKey {
            self.report(.repeatBesideKey(at: written.span, key: syntax.idempotencyKey?.span))
        }
        return written.value
    }

    /// Whether a request that failed may be sent again.
    func isRepeatable(_ syntax: RequestSyntax) -> Bool {
        if let written = syntax.repeating {
            return written.value != .never
        }
        let reads = Self.methods[syntax.method?.value ?? "GET"] ?? false
        let effect = syntax.effect?.value ?? (reads ? .reads : .changes)
        return !effect.changesTheWorld || syntax.idempotencyKey?.value ?? false
    }

    private mutating func checkHeaderName(_ name: Spanned<String>) {
        let isToken = name.value.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                || "!#$%&'*+-.^_`|~".unicodeScalars.contains(scalar)
        }
        if name.value.isEmpty || !isToken {
            self.report(.badHeaderName(name.value, at: name.span))
        }
    }

    private mutating func checkAddress(_ url: Template, _ syntax: RequestSyntax) {
        guard case .literal(let beginning) = url.cel.parts.first, let span = syntax.url?.span else {
            return
        }
        if !beginning.hasPrefix("http://"), !beginning.hasPrefix("https://") {
            self.report(.badAddress(at: span))
        }
    }
}

extension Diagnostic {
    private static func error(
        _ code: UInt16,
        _ message: String,
        at span: SourceSpan,
        notes: [Note] = [],
        help: String
    ) -> Self {
        Self(code: Code(code), severity: .error, message: message, span: span, notes: notes, help: help)
    }

    static func badAddress(at span: SourceSpan) -> Self {
        self.error(250, "this is no address of HTTP", at: span, help: "it begins with 'http://' or 'https://'")
    }

    static func badHeaderName(_ name: String, at span: SourceSpan) -> Self {
        self.error(251, "'\(name)' cannot name a header", at: span, help: "use letters, digits and '-'")
    }

    static func guardedRequest(at span: SourceSpan) -> Self {
        self.error(
            252,
            "a request leaves no receipt",
            at: span,
            help: "write 'idempotency_key: true' if the other side knows such keys, else 'never' or 'safe'"
        )
    }

    static func repeatBesideKey(at span: SourceSpan, key: SourceSpan?) -> Self {
        self.error(
            253,
            "the idempotency key says already how it may be repeated",
            at: span,
            notes: [Note(message: "the key is here", span: key)],
            help: "take one of them out"
        )
    }

    static func verifyWithoutTargets(at span: SourceSpan) -> Self {
        self.error(
            254,
            "a request has no targets that could be looked at",
            at: span,
            help: "verify it with 'http: { url: … }'"
        )
    }
}
