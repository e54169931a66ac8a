# The same where mmdebstrap is missing and Docker Hub answers.
FROM docker.io/library/debian:trixie
ENV DEBIAN_FRONTEND=noninteractive
CMD ["/bin/bash"]
