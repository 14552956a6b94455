// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// What probes of TLS, Prometheus and JMX ask, as far as their texts are known when the runbook is checked.
extension RunbookCompiler {
    mutating func tls(
        _ question: TLSQuestion<TemplateSyntax>,
        at span: SourceSpan,
        _ scope: RegionScope
    ) -> ProbeSpecification? {
        if question.address == nil, question.port == nil {
            self.report(.probeWithoutAddress("tls", key: "an 'address'", at: span))
        }
        if let address = question.address, let text = address.cel?.soleLiteral, HostAndPort(text) == nil {
            self.report(.addressWithoutPort(text, at: address.span))
        }
        return question.mapTexts { self.template($0, in: scope.types) }.map { .tls($0) }
    }

    mutating func jmx(
        _ question: JMXQuestion<TemplateSyntax>,
        at span: SourceSpan,
        _ scope: RegionScope
    ) -> ProbeSpecification? {
        if question.url == nil, question.port == nil {
            self.report(.probeWithoutAddress("jmx", key: "a 'url'", at: span))
        }
        question.url.map { self.checkWebAddress($0) }
        if let text = question.mbean.cel?.soleLiteral, !Self.isObjectName(text) {
            self.report(.noObjectName(text, at: question.mbean.span))
        }
        return question.mapTexts { self.template($0, in: scope.types) }.map { .jmx($0) }
    }

    mutating func checkWebAddress(_ url: TemplateSyntax) {
        guard case .literal(let beginning)? = url.cel?.parts.first else {
            return
        }
        if !beginning.hasPrefix("http://"), !beginning.hasPrefix("https://") {
            self.report(.badAddress(at: url.span))
        }
    }

    /// `domain:key=value`, the domain perhaps empty, which stands for the server's own.
    private static func isObjectName(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":") else {
            return false
        }
        return text[text.index(after: colon)...].contains("=")
    }
}

extension Diagnostic {
    static func addressWithoutPort(_ address: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(261),
            severity: .error,
            message: "'\(address)' is no host with a port",
            span: span,
            help: "write kafka1.example:9093, or [2001:db8::1]:9093"
        )
    }

    static func noObjectName(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(262),
            severity: .error,
            message: "'\(name)' names no MBean",
            span: span,
            help: "a name has a domain, a colon and properties: java.lang:type=Memory"
        )
    }
}
