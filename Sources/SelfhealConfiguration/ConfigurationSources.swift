// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource
import RunbookYAML

/// What a configuration is put together from, besides its own file.
package struct ConfigurationSources: Sendable {
    /// Why a file cannot be read.
    package struct Unreadable: Error, Hashable, Sendable {
        package var reason: String
        /// Whether there is no such file, which for an overlay is no mistake.
        package var isMissing: Bool

        package init(reason: String, isMissing: Bool = false) {
            self.reason = reason
            self.isMissing = isMissing
        }
    }

    package typealias Reader = @Sendable (_ path: String) -> Result<[UInt8], Unreadable>

    /// The variables that `${NAME}` stands for.
    package var environment: [String: String]
    /// The environment whose overlays are asked for, as `--environment` names it; without one the file may say it.
    package var overlay: String?
    /// `key.path=value`, in the order of the command line; they go above all files.
    package var settings: [String]
    /// Reads a file that another one names.
    package var read: Reader

    package init(
        environment: [String: String],
        overlay: String? = nil,
        settings: [String] = [],
        read: @escaping Reader = { _ in .failure(Unreadable(reason: "only one file is read here")) }
    ) {
        self.environment = environment
        self.overlay = overlay
        self.settings = settings
        self.read = read
    }
}

/// A configuration with all that became of its files.
package struct LoadedConfiguration: Sendable {
    /// There when nothing is an error.
    package var configuration: SelfhealConfiguration?
    /// What could be read of one that has mistakes, where at least it is certain which store it means.
    package var partial: SelfhealConfiguration?
    /// The runbooks and zones that maintenance windows name, where they stand.
    package var windowNames = WindowNames()
    /// Channels that were left out, if that was wanted.
    package var incomplete: [IncompleteChannel] = []
    /// Everything wrong with any of the files, by file and place.
    package var diagnostics: [Diagnostic]
    /// Every file that a diagnostic may be about, `--set` among them; the configuration's own first.
    package var files: [SourceFile]
    /// The paths that were looked for, those that are not there included: whoever waits for a change waits for these.
    package var sought: [String]
    /// The environment whose overlays were laid upon the rest.
    package var environment: String?
    /// Everything that is written, one layer upon the other, with every reference replaced that could be.
    var tree: YAMLNode?
    /// The scalars of the tree that came from the environment or from a file of secrets, at least in part.
    var expanded: Set<SourceSpan> = []
    /// Those that should have, and could not.
    var broken: Set<SourceSpan> = []
}
