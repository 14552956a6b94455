// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibYAML

extension YAMLDocument {
    /// The version of libyaml as it is loaded.
    package static var libraryVersion: String? {
        unsafe yaml_get_version_string().map { unsafe String(cString: $0) }
    }
}
