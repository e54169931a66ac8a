<?php
// Public links are not played.
declare(strict_types=1);
http_response_code(404);
